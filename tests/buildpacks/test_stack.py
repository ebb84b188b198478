import io
import json
import tarfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
from docker.errors import DockerException, ImageNotFound

from buildpacks import stack
from buildpacks.debian.archive import Archive
from buildpacks.debian.packages import Index
from empire.errors import BuildFailed, Unavailable
from empire.events import Event
from empire.names import ImageRef
from empire.settings import Settings

FOUND = Archive("http://mirror.example.com/debian", "trixie", "", Index())


def ensured(settings: Settings) -> tuple[list[Event], ImageRef | None]:
    seen: list[Event] = []
    steps = stack.ensure_base(settings)
    while True:
        try:
            seen.append(next(steps))
        except StopIteration as end:
            return seen, end.value


@pytest.fixture
def engine() -> Iterator[docker.DockerClient]:
    try:
        client = docker.from_env()
        client.ping()
    except DockerException as error:
        pytest.skip(f"NO DOCKER ENGINE: {error}")
    yield client
    client.close()


@pytest.fixture
def tag(engine: docker.DockerClient) -> Iterator[str]:
    name = f"empire/test-stack-{uuid.uuid4().hex[:8]}:1"
    yield name
    if engine.images.list(name):
        engine.images.remove(name, force=True)


def test_an_image_of_somebody_else_is_left_to_the_builder(tmp_path: Path) -> None:
    assert ensured(Settings(home=tmp_path, base_image="python:3.12-slim")) == ([], None)


def test_an_engine_that_does_not_answer_is_told(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="scripts/up"):
        ensured(Settings(home=tmp_path, docker_host="tcp://127.0.0.1:9"))


def test_the_engine_s_answer_is_an_image_or_an_error() -> None:
    assert stack._image_id('{"status":"Importing"}\r\n{"status":"sha256:12"}\r\n') == "sha256:12"
    with pytest.raises(Unavailable, match="no space left"):
        stack._image_id('{"errorDetail":{},"error":"no space left on device"}\r\n')


def test_the_image_s_own_apt_goes_to_the_same_mirror() -> None:
    secure = Archive(FOUND.mirror, "trixie", "http://security.example.com", Index())
    assert stack._apt_sources(FOUND).count("URIs:") == 1
    assert "Suites: trixie-security" in stack._apt_sources(secure)


def test_the_command_tells_an_engine_that_does_not_answer(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("EMPIRE_HOME", str(tmp_path))
    monkeypatch.setenv("EMPIRE_DOCKER_HOST", "tcp://127.0.0.1:9")
    assert stack.main() == 1
    assert capsys.readouterr().out.startswith(" !     The Docker Engine does not answer.")


@pytest.mark.docker
def test_the_command_shows_what_it_does(
    engine: docker.DockerClient,
    tag: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("EMPIRE_HOME", str(tmp_path))
    monkeypatch.setenv("EMPIRE_BASE_IMAGE", "python:3.12-slim")
    assert stack.main() == 0
    monkeypatch.setenv("EMPIRE_BASE_IMAGE", tag)
    monkeypatch.setenv("EMPIRE_DEBIAN_MIRROR", "http://127.0.0.1:9")
    assert stack.main() == 1
    first, second, *_ = capsys.readouterr().out.splitlines()
    assert first.startswith("-----> Making the base image")
    assert second.startswith(" !     No Debian mirror of this machine")


@pytest.mark.docker
def test_a_mirror_that_does_not_answer_is_told(
    engine: docker.DockerClient, tag: str, tmp_path: Path
) -> None:
    settings = Settings(home=tmp_path, base_image=tag, debian_mirror="http://127.0.0.1:9/")
    with pytest.raises(Unavailable, match=r"127\.0\.0\.1:9/dists/trixie/InRelease"):
        ensured(settings)


@pytest.mark.docker
@pytest.mark.slow
def test_the_image_is_made_once_and_works(
    engine: docker.DockerClient, tag: str, tmp_path: Path
) -> None:
    settings = Settings(home=tmp_path, base_image=tag)
    seen, made = ensured(settings)
    assert str(seen[0]).startswith(f"-----> Making the base image {tag}")
    assert ensured(settings) == ([], made)
    assert made == engine.images.get(tag).id
    assert left_by(engine, settings.instance) == []
    script = (
        "import json, os, ssl, sqlite3, zoneinfo; print(json.dumps([os.getuid(),"
        " os.getcwd(), os.stat('.').st_uid, str(zoneinfo.ZoneInfo('Asia/Tokyo')),"
        " ssl.create_default_context().cert_store_stats()['x509'] > 100]))"
    )
    output = engine.containers.run(
        tag, ["python", "-c", script], user="app", remove=True, labels={"empire.test": "1"}
    )
    assert json.loads(output) == [1000, "/app", 1000, "Asia/Tokyo", True]


@pytest.mark.docker
def test_what_a_killed_attempt_left_is_cleared(engine: docker.DockerClient, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    mark = f"{stack.WORK}={settings.instance}"
    image = stack._imported(engine, empty_tar(), [f"LABEL {mark} empire.test=1"])
    engine.containers.create(
        image, ["x"], labels={stack.WORK: settings.instance, "empire.test": "1"}
    )
    assert len(left_by(engine, settings.instance)) == 2
    stack._clear_leftovers(engine, settings.instance)
    assert left_by(engine, settings.instance) == []


@pytest.mark.docker
def test_an_older_recipe_s_image_is_made_anew(engine: docker.DockerClient, tag: str) -> None:
    made = stack._imported(engine, empty_tar(), [f"LABEL {stack.RECIPE}=old"], tag)
    assert engine.images.get(tag).id == made
    assert stack._existing(engine, tag) is None


@pytest.mark.docker
def test_a_failed_installation_shows_its_last_lines(
    engine: docker.DockerClient, tag: str, tmp_path: Path
) -> None:
    engine.images.get("empire/python:3").tag(tag)
    settings = Settings(home=tmp_path, base_image=tag)
    with pytest.raises(BuildFailed, match=r"exit code [1-9]") as caught:
        stack._installed(engine, settings, tag, FOUND)
    assert "empire-stack/install" in caught.value.why
    with pytest.raises(ImageNotFound):
        engine.images.get(tag)


@pytest.mark.docker
def test_an_archive_that_the_engine_refuses_is_told(
    engine: docker.DockerClient, tmp_path: Path
) -> None:
    settings = Settings(home=tmp_path)
    with pytest.raises(Unavailable, match="Engine"), stack._engine(settings) as own:
        stack._imported(own, io.BytesIO(b"no tar at all" * 100), [])


def left_by(engine: docker.DockerClient, instance: str) -> list[str]:
    mark: dict[str, str | list[str] | bool] = {"label": f"{stack.WORK}={instance}"}
    containers = engine.containers.list(all=True, filters=mark)
    images = engine.images.list(all=True, filters=mark)
    return [*(str(c.id) for c in containers), *(str(i.id) for i in images)]


def empty_tar() -> io.BytesIO:
    with tarfile.open(fileobj=(tar := io.BytesIO()), mode="w"):
        pass
    tar.seek(0)
    return tar
