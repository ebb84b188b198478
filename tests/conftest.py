"""What tests share: a store with its people, the line, the engine, the sample app's image."""

import io
import secrets
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import docker
import hypothesis
import pytest
from docker.errors import APIError, DockerException

from buildpacks.stack import ensure_base
from empire import apps, users
from empire.actors import Actor
from empire.apps import App
from empire.names import ImageRef
from empire.settings import Settings
from empire.store import Store
from tests.fakeaws.simulator import Simulator
from tests.line import Line

FIXTURES = Path(__file__).parent / "fixtures"

# How long one example takes says something of the machine, not of the code.
hypothesis.settings.register_profile("suite", deadline=None)
hypothesis.settings.load_profile("suite")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A server of its own, with short times."""
    return quick(tmp_path)


@pytest.fixture(scope="session")
def engine() -> Iterator[docker.APIClient]:
    """The Docker Engine of this machine."""
    try:
        client = docker.APIClient(version="auto", timeout=60)
    except DockerException as error:
        pytest.skip(f"NO DOCKER ENGINE, container tests do not run: {error}")
    yield client
    client.close()


@pytest.fixture(scope="session")
def obedient(
    engine: docker.APIClient, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ImageRef]:
    """The image of the sample app that does what it is told."""
    with obedient_image(engine, tmp_path_factory.mktemp("base")) as image:
        yield image


@contextmanager
def obedient_image(engine: docker.APIClient, home: Path) -> Iterator[ImageRef]:
    """Yield the image of the sample app that does what it is told."""
    for _ in ensure_base(Settings(home=home)):
        pass
    app = (FIXTURES / "apps/obedient/app.py").read_bytes()
    dockerfile = (
        f"FROM {Settings().base_image}\nCOPY app.py /app/app.py\n"
        'CMD ["python3", "-u", "/app/app.py"]\n'
    )
    image = build(engine, {"Dockerfile": dockerfile.encode(), "app.py": app})
    yield image
    with suppress(APIError):
        engine.remove_image(image, force=True)


@pytest.fixture(scope="session")
def simulator(
    engine: docker.APIClient, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Simulator]:
    """A simulated AWS account, shared by the tests of a run: name things apart."""
    with Simulator(tmp_path_factory.mktemp("aws")) as simulator:
        yield simulator


def quick(home: Path) -> Settings:
    """Return settings with short times for the home folder."""
    return Settings(home=home, start_seconds=60, worker_uptime_seconds=0.3, stop_grace_seconds=5)


def build(engine: docker.APIClient, files: dict[str, bytes], **labels: str) -> ImageRef:
    """Return a new image, different from all others, of these files."""
    context = io.BytesIO()
    with tarfile.open(fileobj=context, mode="w") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    marks = {"empire.test": "1", "empire.test.id": secrets.token_hex(8), **labels}
    output = list(
        engine.build(
            fileobj=io.BytesIO(context.getvalue()),
            custom_context=True,
            rm=True,
            nocache=True,  # or removing one image takes a parent from under another build
            decode=True,
            labels=marks,
        )
    )
    ids = [line["aux"]["ID"] for line in output if "aux" in line]
    assert ids, output
    return ImageRef(ids[-1])


def remove_containers(engine: docker.APIClient, instance: str) -> None:
    """Remove what a server under test left on the engine."""
    for row in engine.containers(all=True, filters={"label": f"empire.instance={instance}"}):
        with suppress(APIError):
            engine.remove_container(row["Id"], force=True, v=True)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A store of its own, with times that are short."""
    store = Store(Settings(home=tmp_path / "home", lease_seconds=15, build_concurrency=2))
    store.migrate()
    yield store
    store.close()


@pytest.fixture
def ann(store: Store) -> Actor:
    """The owner of the server."""
    with store.writing() as session:
        user, _ = users.first(session, "Ann", "ann@example.com")
        return users.acting(user, "test")


@pytest.fixture
def app(store: Store, ann: Actor) -> App:
    """An app of ann's without a release."""
    with store.writing() as session:
        return apps.create(session, "hello", by=ann)


@pytest.fixture
def line(store: Store, ann: Actor) -> Line:
    """The deployment line around the store."""
    return Line(store, ann)
