"""A repository to commit to, and a Builder on the machine's real engine."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from buildpacks.builder import Builder
from buildpacks.engine import Engine
from empire.errors import Unavailable
from empire.settings import Settings
from tests.buildpacks.sources import RUN, Repository

MakeBuilder = Callable[..., Builder]


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "app")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")


@pytest.fixture
def engine(settings: Settings) -> Engine:
    return require_engine(settings)


@pytest.fixture
def make_builder(engine: Engine, settings: Settings) -> Iterator[MakeBuilder]:
    """Return a maker of builders; what they built is removed at the end."""

    def make(**changes: object) -> Builder:
        return Builder(settings.model_copy(update=changes))

    yield make
    sweep(settings)


@pytest.fixture
def builder(make_builder: MakeBuilder) -> Builder:
    return make_builder()


def require_engine(settings: Settings) -> Engine:
    """Return the engine; skips loudly where there is none or it lacks the base image."""
    engine = Engine(settings.docker_host)
    try:
        has_base = engine.image(settings.base_image)
    except Unavailable as error:
        pytest.skip(f"NO DOCKER ENGINE: {error.why}")
    if not has_base:
        pytest.skip(f"NO BASE IMAGE {settings.base_image}: python -m buildpacks.stack makes it")
    return engine


def sweep(settings: Settings) -> None:
    """Remove every image that a server with these settings built, and what failed on its way to one."""
    images: list[str] = []
    for label in (f"empire.instance={settings.instance}", f"empire.test.run={RUN}"):
        listing = ["docker", "images", "-aq", "--filter", f"label={label}"]
        listed = subprocess.run(listing, capture_output=True, text=True, check=True)
        images += listed.stdout.split()
    if images:
        subprocess.run(["docker", "rmi", "-f", *set(images)], capture_output=True, check=False)
