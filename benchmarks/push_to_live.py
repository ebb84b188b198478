"""From `git push` of a one-line change to the new answer, beside the floor of the same machine.

The floor does by hand what has to be done: `git push` over OpenSSH into a bare repository, the
engine's own build of the same tree, a container of it, and requests until it answers.
"""

import http.client
import io
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from statistics import median
from typing import Any

import docker

from benchmarks.ingest import new_key, openssh, ssh_command
from tests.product import Product, product
from tests.samples import with_dockerfile

ROUNDS = 10
LIMIT = 1.5
LABEL = {"empire.test": "1"}


def main() -> int:
    """Measure both in turns, print, and return 1 when the ratio is over its limit."""
    with (
        tempfile.TemporaryDirectory() as name,
        product(Path(name)) as running,
        floor(Path(name)) as bare,
    ):
        repository = running.repository("speedy", with_dockerfile("0"))
        running.push(repository)
        times: dict[str, list[float]] = {"floor": [], "push returns": [], "new answer": []}
        for number in range(1, ROUNDS + 2):
            running.commit(repository, with_dockerfile(str(number)), f"Version {number}")
            by_hand = bare.deploy(repository, f"version {number}")
            returned, answered = through_empire(running, repository, f"version {number}")
            if number > 1:  # the first round warms both up
                for kind, took in zip(times, (by_hand, returned, answered), strict=True):
                    times[kind].append(took)
    print(f"{'':<14}{'median':>9}{'min':>9}{'max':>9}")
    for kind, seconds in times.items():
        print(f"{kind:<14}{median(seconds):>8.3f}s{min(seconds):>8.3f}s{max(seconds):>8.3f}s")
    ratio = median(times["new answer"]) / median(times["floor"])
    print(f"push_to_live_ratio {ratio:.2f} {LIMIT} {'ok' if ratio <= LIMIT else 'over'}")
    return int(ratio > LIMIT)


def through_empire(running: Product, repository: Path, awaited: str) -> tuple[float, float]:
    """Return after how many seconds the push returned, and the first new answer came."""
    began = time.perf_counter()
    answered: list[float] = []
    asking = threading.Thread(
        target=lambda: answered.append(_first_answer(running, awaited) - began)
    )
    asking.start()
    running.push(repository)
    returned = time.perf_counter() - began
    asking.join()
    return returned, answered[0]


def _first_answer(running: Product, awaited: str) -> float:
    while running.ask("speedy") != (200, awaited):
        time.sleep(0.01)
    return time.perf_counter()


class Floor:
    """A bare repository behind OpenSSH, and the engine."""

    def __init__(self, folder: Path, url: str, key: Path, engine: docker.DockerClient) -> None:
        self.folder, self.url, self.key, self.engine = folder, url, key, engine
        self.container = ""

    def deploy(self, repository: Path, awaited: str) -> float:
        """Return after how many seconds the pushed version answered."""
        began = time.perf_counter()
        environment = {
            "GIT_SSH_COMMAND": ssh_command(self.key),
            "PATH": "/usr/bin:/bin",
            "HOME": str(self.folder),
        }
        subprocess.run(
            ["git", "push", "-q", self.url, "HEAD:refs/heads/main"],
            cwd=repository,
            env=environment,
            check=True,
        )
        image = self._build()
        old, self.container = self.container, self._run(image)
        self._wait_for(awaited)
        took = time.perf_counter() - began
        if old:
            self._remove(old)
        return took

    def close(self) -> None:
        """Remove what runs."""
        if self.container:
            self.engine.api.remove_container(self.container, force=True)
        self.engine.api.remove_image("floor/speedy", force=True)

    def _remove(self, container: str) -> None:
        """Remove a container and its image, which has no name any more."""
        image = self.engine.api.inspect_container(container)["Image"]
        self.engine.api.remove_container(container, force=True)
        with suppress(docker.errors.APIError):  # the same tree again: it is still in use
            self.engine.api.remove_image(image)

    def _build(self) -> str:
        archive = ["git", "--git-dir", str(self.folder / "floor.git"), "archive", "main"]
        tree = subprocess.run(archive, capture_output=True, check=True).stdout
        api: Any = self.engine.api  # its types know only the public methods
        parameters = {"version": "2", "t": "floor/speedy", "labels": '{"empire.test": "1"}'}
        answer = api._post(  # noqa: SLF001 - BuildKit has no public method in this library
            api._url("/build"), data=io.BytesIO(tree), params=parameters,  # noqa: SLF001
            headers={"Content-Type": "application/x-tar"},
        )  # fmt: skip
        assert b'"error"' not in answer.content, answer.content[-500:]
        return "floor/speedy"

    def _run(self, image: str) -> str:
        api = self.engine.api
        container: str = api.create_container(image, environment={"PORT": "8080"}, labels=LABEL)[
            "Id"
        ]
        api.start(container)
        return container

    def _wait_for(self, awaited: str) -> None:
        networks = self.engine.api.inspect_container(self.container)["NetworkSettings"]
        while True:
            try:
                with closing(
                    http.client.HTTPConnection(networks["IPAddress"], 8080, timeout=5)
                ) as asked:
                    asked.request("GET", "/")
                    assert asked.getresponse().read().decode() == awaited
                    return
            except OSError:
                time.sleep(0.005)


@contextmanager
def floor(folder: Path) -> Iterator[Floor]:
    """Yield the floor; nothing of it is left afterwards."""
    key = new_key(folder / "floor_key")
    subprocess.run(["git", "init", "-q", "--bare", str(folder / "floor.git")], check=True)
    with openssh(folder / "sshd", key) as door, closing(docker.from_env()) as engine:
        url = f"ssh://root@127.0.0.1:{door.port}{folder}/floor.git"
        bare = Floor(folder, url, key, engine)
        with closing(bare):
            yield bare


if __name__ == "__main__":
    sys.exit(main())
