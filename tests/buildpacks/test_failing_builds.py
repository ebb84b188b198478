"""Builds that fail, are cancelled, or use more than they may, on the real engine."""

import threading
from pathlib import Path

import pytest

from buildpacks.builder import Builder
from empire.errors import BuildFailed, Cancelled, EmpireError, InvalidInput, TimedOut, Unavailable
from empire.settings import Settings
from tests.buildpacks.conftest import MakeBuilder
from tests.buildpacks.sources import BASE, Repository, never, told
from tests.waiting import wait_until

pytestmark = pytest.mark.docker

SECRET = "--- a private certificate ---\n"


def test_a_failing_step_is_named_with_its_last_lines(
    builder: Builder, repository: Repository
) -> None:
    source = repository.commit(
        {"Dockerfile": f"{BASE}RUN seq 100 >&2; echo the reason >&2; exit 3\n"}
    )
    with pytest.raises(BuildFailed) as failure:
        told(builder.build(source, "1", never))
    assert failure.value.what.startswith("The build failed at [2/2] RUN seq 100")
    assert failure.value.what.endswith("exit code 3")
    assert "the reason" in failure.value.why.splitlines()[-20:]
    assert len(failure.value.why.splitlines()) == 20


def test_a_requirement_that_does_not_exist(builder: Builder, repository: Repository) -> None:
    source = repository.commit({"requirements.txt": "itsdangerous==99\n", "app.py": ""})
    with pytest.raises(BuildFailed) as failure:
        told(builder.build(source, "1", never))
    assert "uv pip install" in failure.value.what
    assert "itsdangerous==99" in failure.value.why


def test_a_broken_dockerfile(builder: Builder, repository: Repository) -> None:
    source = repository.commit({"Dockerfile": f"{BASE}NONSENSE\n"})
    with pytest.raises(BuildFailed, match="NONSENSE"):
        told(builder.build(source, "1", never))


def test_an_image_that_cannot_be_had(builder: Builder, repository: Repository) -> None:
    missing = "127.0.0.1:1/nobody/nothing:7"
    source = repository.commit({"Dockerfile": f"FROM {missing}\n"})
    with pytest.raises(BuildFailed) as failure:
        told(builder.build(source, "1", never))
    assert failure.value.what == "The image nobody/nothing:7 could not be had."
    assert "127.0.0.1:1" in failure.value.why


def test_a_syntax_image_that_cannot_be_had(
    make_builder: MakeBuilder, repository: Repository
) -> None:
    builder = make_builder(build_syntax_images="127.0.0.1:1/nobody/dockerfile")
    syntax = "# syntax=127.0.0.1:1/nobody/dockerfile:1\n"
    source = repository.commit({"Dockerfile": f"{syntax}{BASE}RUN echo built\n"})
    story = told(builder.build(source, "1", never))
    assert "the engine's own Dockerfile syntax" in story.text
    assert "built" in story.text


@pytest.mark.parametrize("kind", ["buildkit", "classic"])
def test_cancelling_stops_the_build(
    kind: str, make_builder: MakeBuilder, repository: Repository
) -> None:
    source = repository.commit({"Dockerfile": f"{BASE}RUN echo started; sleep 4747\n"})
    stopped = threading.Event()
    stream = make_builder(builder=kind).build(source, kind, stopped.is_set)
    for event in stream:
        if str(event).strip() == "started":
            break
    stopped.set()
    with pytest.raises(Cancelled):
        told(stream)
    wait_until(lambda: not _is_running(b"sleep\x004747\x00"))


def _is_running(command: bytes) -> bool:
    return any(_read(path) == command for path in Path("/proc").glob("[0-9]*/cmdline"))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def test_a_build_has_its_time(make_builder: MakeBuilder, repository: Repository) -> None:
    source = repository.commit({"Dockerfile": f"{BASE}RUN sleep 300\n"})
    with pytest.raises(TimedOut, match=r"within 1\.5 seconds"):
        told(make_builder(build_seconds=1.5).build(source, "1", never))


def test_a_flood_of_output_ends_the_build(
    make_builder: MakeBuilder, repository: Repository
) -> None:
    flood = "RUN head -c 2000000 /dev/zero | tr '\\0' x\n"
    source = repository.commit({"Dockerfile": f"{BASE}{flood}"})
    with pytest.raises(BuildFailed, match="more than 1 MiB"):
        told(make_builder(builder="classic", build_output_max_mib=1).build(source, "1", never))


def test_leaving_the_stream_stops_the_build(builder: Builder, repository: Repository) -> None:
    source = repository.commit({"Dockerfile": f"{BASE}RUN echo started; sleep 301\n"})
    stream = builder.build(source, "1", never)
    assert any(str(event).strip() == "started" for event in stream)
    stream.close()
    assert not [t for t in threading.enumerate() if t.name.startswith("build-")]


def test_memory_is_limited(make_builder: MakeBuilder, repository: Repository) -> None:
    hungry = "python3 -c 'x = bytearray(300 << 20); x[::4096] = b\"1\" * len(x[::4096])'"
    source = repository.commit({"Dockerfile": f"{BASE}RUN {hungry}\n"})
    with pytest.raises(BuildFailed, match="exit code 137") as failure:
        told(make_builder(builder="classic", build_memory_mib=128).build(source, "1", never))
    assert "128 MiB" in failure.value.fix


def test_the_base_image_is_missing(make_builder: MakeBuilder, repository: Repository) -> None:
    builder = make_builder(base_image="empire/missing:0")
    with pytest.raises(Unavailable, match="empire/missing:0"):
        told(builder.build(repository.commit({"index.html": ""}), "1", never))


def test_a_bad_app_json(builder: Builder, repository: Repository) -> None:
    for content in ("[", '{"healthchecks": 1}', '{"healthchecks":{"web":[{"path":"up"}]}}'):
        source = repository.commit({"index.html": "", "app.json": content})
        with pytest.raises(InvalidInput, match=r"app\.json"):
            told(builder.build(source, "1", never))


def test_an_engine_that_is_not_there(settings: Settings, repository: Repository) -> None:
    builder = Builder(settings.model_copy(update={"docker_host": "unix:///nowhere/docker.sock"}))
    with pytest.raises(Unavailable, match="does not answer"):
        told(builder.build(repository.commit({"index.html": ""}), "1", never))
    with pytest.raises(EmpireError, match="cannot use"):
        Builder(settings.model_copy(update={"docker_host": "ssh://example.com"}))
