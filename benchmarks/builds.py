"""Builds beside the raw engine with an equal Dockerfile, and a large context beside a tar of it.

    python -m benchmarks.builds [ROUNDS]

Cold is without any cache of the app, unchanged is the same tree again under another commit (the image
is known then, and nothing is built), changed is one line of its code. The raw engine is `docker build` of a folder that lies ready.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from statistics import median

from buildpacks import surroundings
from buildpacks.builder import Builder
from buildpacks.detect import detect
from buildpacks.engine import Engine
from buildpacks.order import Shop, order
from buildpacks.stack_facts import Stack
from buildpacks.tree import Tree
from empire.manifest import Image, Source
from empire.settings import Settings
from tests.buildpacks.conftest import sweep
from tests.buildpacks.sources import File, Repository, never, told

ROUNDS = 6  # an even number: who goes first has it harder, and they take turns
LIMIT = 1.1
CONTEXT_ROUNDS = 4
CONTEXT_LIMIT = 1.0
FILES, FILE_BYTES = 10_000, 20_000
APP = "bench-builds"
SAMPLES: dict[str, tuple[dict[str, File], str]] = {
    "python": (
        {
            "requirements.txt": "flask==3.1.2\ngunicorn==23.0.0\n",
            "app.py": "import flask\napp = flask.Flask(__name__)\n",
            "Procfile": "web: gunicorn app:app\n",
        },
        "app.py",
    ),
    "node": (
        {
            path.name: path.read_text()
            for path in Path("tests/fixtures/apps/node-express").iterdir()
        },
        "server.js",
    ),
}
COMMENT = {"python": "#", "node": "//"}


@dataclass
class Times:
    """Seconds of both sides by what was done."""

    ours: dict[str, list[float]] = field(default_factory=dict)
    raw: dict[str, list[float]] = field(default_factory=dict)

    def ratio(self, name: str) -> float:
        """Return how much longer ours took."""
        return median(self.ours[name]) / median(self.raw[name])

    def both(self, name: str, ours: Callable[[], object], raw: Callable[[], object]) -> None:
        """Measure both; who goes first changes from round to round."""
        sides = [(self.ours, ours), (self.raw, raw)]
        if len(self.ours.get(name, [])) % 2:
            sides.reverse()
        for times, act in sides:
            began = time.perf_counter()
            act()
            times.setdefault(name, []).append(time.perf_counter() - began)


def main() -> int:
    """Measure, print, and return 1 when something is over its limit."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    times = Times()
    docker = raw_docker()
    with tempfile.TemporaryDirectory() as name:
        for sample, (files, changed) in SAMPLES.items():  # makes the images that languages build on
            measure(Times(), sample, files, changed, Path(name) / sample, docker)
        for number in range(rounds):
            for sample, (files, changed) in SAMPLES.items():
                folder = Path(name) / f"{sample}-{number}"
                measure(times, sample, files, changed, folder, docker)
        for number in range(CONTEXT_ROUNDS):
            stream(times, Path(name) / f"context-{number}", docker)
    return report(times)


def report(times: Times) -> int:
    """Print the table and the verdicts; return 1 when one is over."""
    print(f"{'':<18}{'empire':>9}{'engine':>9}{'ratio':>7}   seconds, medians")
    for name in times.ours:
        ours, raw = median(times.ours[name]), median(times.raw[name])
        print(f"{name:<18}{ours:>8.3f}s{raw:>8.3f}s{ours / raw:>7.2f}")
    status = 0
    for name in times.ours:
        limit = CONTEXT_LIMIT if name == "context" else LIMIT
        ratio = times.ratio(name)
        print(f"builds_{name}_ratio {ratio:.2f} {limit} {'ok' if ratio <= limit else 'over'}")
        status |= ratio > limit
    return status


def measure(
    times: Times, sample: str, files: dict[str, File], changed: str, folder: Path, docker: str
) -> None:
    """Build the sample cold, unchanged and with one file changed, on both sides."""
    repository = Repository(folder / "app", APP)
    settings = Settings(home=folder / "home")
    builder = Builder(settings)
    source = repository.commit(files)
    raw = Raw(docker, folder / "raw", settings)
    raw.prepare(source)
    try:
        made: list[Image] = []
        times.both(
            f"{sample}_cold",
            lambda: made.append(told(builder.build(source, "1", never)).image),
            raw.build,
        )
        again = repository.commit({})
        known = {image.key: ("v1", image) for image in made}.get
        times.both(
            f"{sample}_unchanged",
            lambda: told(builder.build(again, "2", never, known=known)),
            raw.build,
        )
        edited = repository.commit(
            {changed: f"{files[changed]!s}{COMMENT[sample]} {uuid.uuid4()}\n"}
        )
        raw.prepare(edited)
        times.both(f"{sample}_changed", lambda: told(builder.build(edited, "3", never)), raw.build)
    finally:
        sweep(settings)
        raw.remove()


class Raw:
    """The engine's own build of the folder that Empire's plan for a source amounts to."""

    def __init__(self, docker: str, folder: Path, settings: Settings) -> None:
        self._docker = docker
        self._folder = folder
        self._settings = settings
        self._tag = f"bench-raw:{uuid.uuid4().hex[:12]}"
        self._secrets: list[str] = []
        self._key = os.urandom(32)  # its own, so that a cold build finds no cache of the other side

    def prepare(self, source: Source) -> None:
        """Write the Dockerfile and the tree; a file that did not change is left as it is."""
        settings = self._settings
        with Tree(source) as tree:
            found = Engine(settings.docker_host).image(settings.base_image) or {}
            plan = detect(tree).plan(tree, Stack.of(settings.base_image, found.get("Config")))
            given = surroundings.secrets(settings)
            base = plan.base.image if plan.base else settings.base_image
            bench = plan.workbench.image if plan.workbench else ""
            shop = Shop("bench", base, self._key, given, has_mounts=True, bench=bench)
            wanted = order(tree, source, "raw", plan, shop)
            for path, content in wanted.first.items():
                _write(self._folder / "context" / path, content)
            for entry in tree.entries.values():
                _write(self._folder / "context" / wanted.prefix / entry.path, tree.read(entry.path))
        self._secrets = []
        for id_, content in wanted.secrets.items():
            _write(self._folder / id_, content)
            self._secrets += ["--secret", f"id={id_},src={self._folder / id_}"]

    def build(self) -> None:
        """Run `docker build`."""
        arguments = ["-q", "--label", "empire.test=1", "-t", self._tag, *self._secrets]
        _run([self._docker, "build", *arguments, str(self._folder / "context")])

    def remove(self) -> None:
        """Remove the image."""
        _run([self._docker, "rmi", "-f", self._tag])


def stream(times: Times, folder: Path, docker: str) -> None:
    """Give the engine a large tree that it has not seen, as Empire does and as a tar."""
    random = Random(uuid.uuid4().int)
    files: dict[str, File] = {
        f"d{number % 100}/e{number % 7}/f{number}": random.randbytes(FILE_BYTES)
        for number in range(FILES)
    }
    base = Settings().base_image
    look = "RUN --mount=type=bind,target=/context ls /context > /seen"
    files["Dockerfile"] = f"FROM {base}\nLABEL empire.test=1 run={uuid.uuid4()}\n{look}\n"
    repository = Repository(folder / "app", APP)
    settings = Settings(home=folder / "home")
    source = repository.commit(files)
    tag = f"bench-raw:{uuid.uuid4().hex[:12]}"
    archive = ["git", "--git-dir", str(source.git_dir), "archive", source.commit]
    try:
        times.both(
            "context",
            lambda: told(Builder(settings).build(source, "1", never)),
            lambda: _piped(archive, [docker, "build", "-q", "-t", tag, "-"]),
        )
    finally:
        sweep(settings)
        _run([docker, "rmi", "-f", tag])
        shutil.rmtree(folder)


def raw_docker() -> str:
    """Return the first docker command that can build with BuildKit."""
    for folder in os.get_exec_path():
        command = Path(folder) / "docker"
        probe = [str(command), "build", "-q", "-"]
        if command.is_file() and not subprocess.run(
            probe, input=b"FROM scratch\nLABEL empire.test=1\n", env=_environment(),
            capture_output=True, check=False,
        ).returncode:  # fmt: skip
            return str(command)
    sys.exit("No docker command here builds with BuildKit: install docker-buildx.")


def _run(command: list[str]) -> None:
    subprocess.run(command, env=_environment(), capture_output=True, check=True)


def _piped(producer: list[str], consumer: list[str]) -> None:
    with subprocess.Popen(producer, stdout=subprocess.PIPE) as first:
        subprocess.run(
            consumer, stdin=first.stdout, env=_environment(), capture_output=True, check=True
        )


def _environment() -> dict[str, str]:
    return {"PATH": os.defpath, "DOCKER_BUILDKIT": "1", "HOME": "/nonexistent"}


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_bytes() != content:
        path.write_bytes(content)


if __name__ == "__main__":
    sys.exit(main())
