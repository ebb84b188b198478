"""Builds that mean harm: each is ended with its reason, and everything else lives on."""

import http.client
import os
import subprocess
import threading
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from buildpacks import metadata
from buildpacks.builder import Builder
from empire.errors import BuildFailed, EmpireError, TimedOut
from empire.settings import Settings
from tests.buildpacks.conftest import MakeBuilder, require_engine
from tests.buildpacks.private_engine import GROUP, private_engine
from tests.buildpacks.sources import Repository, never, told
from tests.waiting import wait_until

pytestmark = [
    pytest.mark.docker,
    pytest.mark.xdist_group("private engine"),  # there is one bridge for it
]

BASE = f"FROM empire/python:3\nLABEL empire.test=1\nENV RUN={uuid.uuid4()}\n"
BOMB = "python3 -c 'import os, time; [os.fork() or time.sleep(60) for _ in iter(int, 1)]'"
HOG = "python3 -c 'x = bytearray(400 << 20); x[::4096] = b\"1\" * len(x[::4096])'"
LIMITS = (
    {"build_disk_max_mib": 100},
    {"build_output_max_mib": 3, "build_seconds": 60.0},
    {"build_seconds": 5.0},
)


@pytest.fixture(scope="module")
def neighbour() -> Iterator[str]:
    """Another app on the machine: yields its address."""
    require_engine(Settings())
    begin = ["docker", "run", "-d", "--rm", "--label", "empire.test=1", "empire/python:3"]
    serve = ["python3", "-m", "http.server", "-d", "/opt", "8000"]
    name = subprocess.run(
        [*begin, *serve], capture_output=True, text=True, check=True
    ).stdout.strip()
    look = ["docker", "inspect", "-f", "{{.NetworkSettings.IPAddress}}", name]
    address = subprocess.run(look, capture_output=True, text=True, check=True).stdout.strip()
    wait_until(lambda: _answers(address))
    yield address
    subprocess.run(["docker", "rm", "-f", name], capture_output=True, check=True)


@pytest.fixture(scope="module")
def tight(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An engine whose builds have limits of their own."""
    require_engine(Settings())
    if os.geteuid():
        pytest.skip("ONLY ROOT CAN START A SECOND ENGINE")
    folder = tmp_path_factory.mktemp("engine")
    with private_engine(folder, "empire/python:3") as address:
        yield address


def _answers(address: str) -> bool:
    try:
        with closing(http.client.HTTPConnection(address, 8000, timeout=60)) as asked:
            asked.request("GET", "/")
            return asked.getresponse().status == 200
    except OSError:
        return False


@contextmanager
def watched(neighbour: str) -> Iterator[None]:
    """Ask the neighbour all the time; it must always have answered, and answer at the end."""
    answers: list[bool] = []
    over = threading.Event()

    def ask() -> None:
        while not over.wait(0.1):
            answers.append(_answers(neighbour))

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        yield
    finally:
        over.set()
        asking.join()
    assert all(answers)
    assert _answers(neighbour)


def harmless(builder: Builder, repository: Repository) -> None:
    """Let the same server build something decent."""
    source = repository.commit({"Dockerfile": f"{BASE}RUN echo decent-{uuid.uuid4()}\n"})
    assert "decent-" in told(builder.build(source, "decent", never)).text


@pytest.mark.parametrize(
    ("step", "limits", "error", "text"),
    [
        ("head -c 4G /dev/zero > /fill; sleep 60", LIMITS[0], BuildFailed, "of disk, and 100 MiB"),
        ("yes this has no end", LIMITS[1], BuildFailed, "more than 3 MiB of output"),
        (
            "while :; do echo $RUN; ls /usr/bin; done",
            LIMITS[1],
            BuildFailed,
            "than 3 MiB of output",
        ),
        ("sleep 4711", LIMITS[2], TimedOut, "within 5 seconds"),
        ("trap '' TERM INT; while :; do :; done", LIMITS[2], TimedOut, "within 5 seconds"),
    ],
    ids=[
        "fills the disk",
        "floods the terminal",
        "floods by many",
        "sleeps for ever",
        "spins for ever",
    ],
)
def test_what_has_no_end(
    step: str, limits: dict[str, object], error: type[EmpireError], text: str,
    neighbour: str, make_builder: MakeBuilder, repository: Repository,
) -> None:  # fmt: skip
    builder = make_builder(**limits)
    source = repository.commit({"Dockerfile": f"{BASE}RUN {step}\n"})
    with watched(neighbour), pytest.raises(error, match=text):
        told(builder.build(source, "1", never))
    harmless(make_builder(), repository)


@pytest.mark.parametrize(
    ("step", "text"),
    [
        (BOMB, "more processes than builds"),
        (HOG, "more memory than the limit, 192 MiB"),
    ],
    ids=["fork bomb", "memory"],
)
def test_what_grows(
    step: str, text: str, tight: str, neighbour: str, settings: Settings, repository: Repository
) -> None:
    changes = {
        "docker_host": tight, "build_processes": 120, "build_memory_mib": 192, "build_cpus": 0.5,
        "build_concurrency": 1, "build_cgroup": f"{GROUP}/buildkit", "build_seconds": 60.0,
    }  # fmt: skip
    builder = Builder(settings.model_copy(update=changes))
    assert builder.limits_problem() == ""
    source = repository.commit({"Dockerfile": f"{BASE}RUN {step}\n"})
    with watched(neighbour), pytest.raises(BuildFailed) as failure:
        told(builder.build(source, "1", never))
    assert text in failure.value.fix
    harmless(builder, repository)


def test_a_build_finds_no_secret_of_the_host(
    builder: Builder, settings: Settings, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EMPIRE_TEST_SECRET", "of-the-server")
    settings.prepare_home()
    (settings.home / "master.key").write_text("key-of-the-server")
    look = (
        f"RUN env; cat {settings.home}/master.key; find / -xdev -name 'docker*.sock'; "
        "cat /proc/*/environ /proc/*/cmdline | tr '\\0' '\\n'; mount; ls -la / /run; "
        "find / -xdev -name master.key -exec cat {} + ; true\n"
    )
    source = repository.commit({"Dockerfile": f"{BASE}{look}COPY . /srv\nRUN ls -R /srv\n"})
    text = told(builder.build(source, "1", never)).text
    assert "of-the-server" not in text
    assert "/docker.sock" not in text


def test_metadata_of_the_cloud_is_out_of_reach(builder: Builder, repository: Repository) -> None:
    if problem := metadata.block():
        pytest.skip(f"METADATA CANNOT BE BLOCKED HERE: {problem}")
    ask = "import socket; socket.create_connection(('169.254.169.254', 80), 20)"
    step = f'RUN python3 -c "{ask}" 2>&1 | grep ConnectionRefusedError\n'
    told(builder.build(repository.commit({"Dockerfile": f"{BASE}{step}"}), "1", never))


def test_no_room_for_a_build(make_builder: MakeBuilder, repository: Repository) -> None:
    source = repository.commit({"Dockerfile": BASE})
    with pytest.raises(BuildFailed, match=r"too full for a build: \d+ MiB of \d+ MiB are free"):
        told(make_builder(disk_reserve_mib=1 << 40).build(source, "1", never))
