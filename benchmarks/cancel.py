"""From the request to cancel a deployment until its pusher is told, in a build and in a start.

    python -m benchmarks.cancel [ROUNDS]

The floor is what the engine itself takes to kill a container of the same image.
"""

import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from statistics import median
from uuid import uuid4

import docker

from tests.product import Product, product
from tests.samples import DOCKERFILE, SERVER, with_dockerfile
from tests.talking import Talking
from tests.waiting import wait_until

ROUNDS = 5
LIMIT_SECONDS = 2.0
APP = "stopping"
DEAF = SERVER.replace("{version}", "deaf").replace("server = ", "time.sleep(100)\nserver = ")


def main() -> int:
    """Measure, print, and return 1 when the slowest is over its limit."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    times: dict[str, list[float]] = {"floor": [], "build": [], "start": []}
    with tempfile.TemporaryDirectory() as name, product(Path(name)) as running:
        repository = running.repository(APP, with_dockerfile("one"))
        running.push(repository)
        for _ in range(rounds):
            times["floor"].append(kill_by_hand(running))
            times["build"].append(cancel_build(running, repository))
            times["start"].append(cancel_start(running, repository))
    print(f"{'':<8}{'median':>9}{'max':>9}")
    for kind, seconds in times.items():
        print(f"{kind:<8}{median(seconds):>8.3f}s{max(seconds):>8.3f}s")
    worst = {kind: max(times[kind]) for kind in ("build", "start")}
    for kind, took in worst.items():
        word = "ok" if took <= LIMIT_SECONDS else "over"
        print(f"cancel_{kind}_seconds {took:.2f} {LIMIT_SECONDS:g} {word}")
    return int(max(worst.values()) > LIMIT_SECONDS)


def kill_by_hand(running: Product) -> float:
    """Return after how many seconds a container of the app's image is gone."""
    with closing(docker.APIClient(version="auto")) as engine:
        image = engine.inspect_container(running.containers(APP)[0])["Image"]
        container = engine.create_container(image, labels={"empire.test": "1"})["Id"]
        engine.start(container)
        began = time.monotonic()
        engine.remove_container(container, force=True)
        return time.monotonic() - began


def cancel_build(running: Product, repository: Path) -> float:
    """Cancel a build that sleeps; it differs each time, as the engine remembers what it built."""
    sleepy = DOCKERFILE + f"RUN echo a long build {uuid4()} && sleep 100\n"
    running.commit(repository, {"Dockerfile": sleepy, "app.py": SERVER}, "Build for long")
    push = Talking.push(running, repository)
    push.wait_for("a long build")
    return cancel(running, push)


def cancel_start(running: Product, repository: Path) -> float:
    """Cancel a deployment whose dyno does not answer."""
    there = len(running.containers(APP))
    deaf = f"{DEAF}# {uuid4()}\n"
    running.commit(repository, {"Dockerfile": DOCKERFILE, "app.py": deaf}, "Never answer")
    push = Talking.push(running, repository)
    wait_until(lambda: len(running.containers(APP)) == there + 1, "the new dyno is there")
    return cancel(running, push)


def cancel(running: Product, push: Talking) -> float:
    """Cancel the only deployment; return after how many seconds the pusher was told."""
    under_way = [one for one in running.api(f"/apps/{APP}/deployments") if one["is_open"]]
    began = time.monotonic()
    running.api(f"/apps/{APP}/deployments/{under_way[0]['number']}/actions/cancel", "POST")
    assert push.end() != 0
    return time.monotonic() - began


if __name__ == "__main__":
    sys.exit(main())
