"""Rollback and config change to the new answer, beside starting one container by hand.

    python -m benchmarks.rollback [ROUNDS]

The floor creates a container of the same image, starts it and asks until it answers. Through Empire
it is the request to the API until the first answer of the new version through the router; and, for
people, the command until it returns.
"""

import http.client
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from statistics import median

import docker
import httpx

from cli.client import ACCEPT
from tests.product import Product, product
from tests.samples import with_dockerfile

ROUNDS = 10
LIMIT = 1.3
LIMIT_SECONDS = 2.0
LABEL = {"empire.test": "1"}
APP = "returning"


def main() -> int:
    """Measure in turns, print, and return 1 when something is over its limit."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    times: dict[str, list[float]] = {"floor": [], "rollback": [], "config": [], "rollback_cli": []}
    with tempfile.TemporaryDirectory() as name, product(Path(name)) as running:
        repository = running.repository(APP, with_dockerfile("a"))
        running.push(repository)
        running.commit(repository, with_dockerfile("b"), "The other version")
        running.push(repository)
        with closing(docker.APIClient(version="auto")) as engine, client(running) as api:
            for number in range(rounds + 1):
                took = {
                    "floor": by_hand(engine, running),
                    "rollback": roll_back(api, running),
                    "config": change_config(api, running, str(number)),
                    "rollback_cli": by_command(running),
                }
                if number:  # the first round warms all up
                    for kind, seconds in took.items():
                        times[kind].append(seconds)
    return report(times)


def report(times: dict[str, list[float]]) -> int:
    """Print what was measured and the verdicts; return 1 when one is over."""
    print(f"{'':<14}{'median':>9}{'min':>9}{'max':>9}")
    for kind, seconds in times.items():
        print(f"{kind:<14}{median(seconds):>8.3f}s{min(seconds):>8.3f}s{max(seconds):>8.3f}s")
    floor = median(times["floor"])
    measures = [
        ("rollback_ratio", median(times["rollback"]) / floor, LIMIT),
        ("config_ratio", median(times["config"]) / floor, LIMIT),
        ("rollback_seconds", median(times["rollback_cli"]), LIMIT_SECONDS),
    ]
    for name, value, limit in measures:
        print(f"{name} {value:.2f} {limit} {'ok' if value <= limit else 'over'}")
    return int(any(value > limit for _, value, limit in measures))


def client(running: Product) -> httpx.Client:
    """Return a client of the API that speaks for the person."""
    headers = {"Accept": ACCEPT, "Authorization": f"Bearer {running.token}"}
    url = f"http://127.0.0.1:{running.api_port}"
    return httpx.Client(base_url=url, headers=headers, trust_env=False, timeout=60)


def by_hand(engine: docker.APIClient, running: Product) -> float:
    """Return after how many seconds a container that was started by hand answered."""
    image = min(running.images(APP))
    began = time.perf_counter()
    container = engine.create_container(image, environment={"PORT": "8080"}, labels=LABEL)["Id"]
    try:
        engine.start(container)
        address = engine.inspect_container(container)["NetworkSettings"]["IPAddress"]
        while not _answers(address):
            time.sleep(0.005)
        return time.perf_counter() - began
    finally:
        engine.remove_container(container, force=True)


def roll_back(api: httpx.Client, running: Product) -> float:
    """Return after how many seconds the other version answered."""
    before = running.ask(APP)[1]
    releases = api.get(f"/apps/{APP}/releases").json()
    current = next(one for one in releases if one["current"])
    to = [one for one in releases if one["slug"] and one["slug"] != current["slug"]][-1]
    return _timed(
        running,
        lambda: api.post(f"/apps/{APP}/releases", json={"release": to["id"]}),
        lambda: running.ask(APP)[1] != before,
    )


def change_config(api: httpx.Client, running: Product, value: str) -> float:
    """Return after how many seconds the app saw the new value."""
    return _timed(
        running,
        lambda: api.patch(f"/apps/{APP}/config-vars", json={"NUMBER": value}),
        lambda: running.ask(APP, "/env/NUMBER")[1] == value,
    )


def by_command(running: Product) -> float:
    """Return how many seconds `empire rollback` takes."""
    settle(running)
    began = time.perf_counter()
    running.empire("rollback", "-a", APP)
    return time.perf_counter() - began


def settle(running: Product) -> None:
    """Wait until the old dynos are gone, so that each round begins alike."""
    while len(running.containers(APP)) > 1:
        time.sleep(0.02)


def _timed(
    running: Product, act: Callable[[], httpx.Response], is_new: Callable[[], bool]
) -> float:
    settle(running)
    answers: list[httpx.Response] = []
    asking = threading.Thread(target=lambda: answers.append(act()))
    began = time.perf_counter()
    asking.start()
    while not is_new():
        time.sleep(0.005)
    took = time.perf_counter() - began
    asking.join()
    answers[0].raise_for_status()
    return took


def _answers(address: str) -> bool:
    try:
        with closing(http.client.HTTPConnection(address, 8080, timeout=5)) as asked:
            asked.request("GET", "/")
            return asked.getresponse().status == 200
    except OSError:
        return False


if __name__ == "__main__":
    sys.exit(main())
