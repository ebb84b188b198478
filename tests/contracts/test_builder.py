"""What every builder does with a source."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from buildpacks.builder import Builder as EngineBuilder
from empire.errors import BuildFailed, Cancelled
from empire.events import Stage
from empire.manifest import Source
from empire.platform import Builder
from empire.settings import Settings
from tests.buildpacks.conftest import require_engine, sweep
from tests.buildpacks.sources import Repository, told
from tests.fakes import FakeBuilder, never

Fail = Callable[[], None]
"""Arranges that the next build fails."""

GOOD = "FROM empire/python:3\nLABEL empire.test=1\n"


class Case:
    """A builder and sources for it."""

    def __init__(self, builder: Builder, repository: Repository, fail: Fail) -> None:
        self.builder = builder
        self._repository = repository
        self._fail = fail

    def good(self) -> Source:
        return self._repository.commit({"Dockerfile": GOOD})

    def bad(self) -> Source:
        self._fail()
        return self._repository.commit({"Dockerfile": f"{GOOD}RUN exit 1\n"})


@pytest.fixture(params=["fake", pytest.param("engine", marks=pytest.mark.docker)])
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Case]:
    repository = Repository(tmp_path / "app")
    if request.param == "fake":
        fake = FakeBuilder()
        yield Case(fake, repository, lambda: fake.fail("build", BuildFailed("The build failed.")))
        return
    settings = Settings(home=tmp_path / "home")
    require_engine(settings)
    yield Case(EngineBuilder(settings), repository, lambda: None)
    sweep(settings)


def test_a_source_becomes_an_image(case: Case) -> None:
    story = told(case.builder.build(case.good(), "1", never))
    assert isinstance(story.events[0], Stage)
    assert "web" in story.image.processes
    assert story.image.buildpack


def test_the_same_attempt_gives_the_same_image(case: Case) -> None:
    source = case.good()
    first = told(case.builder.build(source, "1", never)).image
    assert told(case.builder.build(source, "1", never)).image == first


def test_a_failure_is_told(case: Case) -> None:
    with pytest.raises(BuildFailed):
        told(case.builder.build(case.bad(), "1", never))


def test_a_cancelled_build_ends(case: Case) -> None:
    stopped = threading.Event()
    stopped.set()
    with pytest.raises(Cancelled):
        told(case.builder.build(case.good(), "1", stopped.is_set))


def test_what_builds_noted_is_forgotten(case: Case) -> None:
    source = case.good()
    told(case.builder.build(source, "first", never))
    case.builder.remove(source.app)
    case.builder.remove(source.app)
    assert told(case.builder.build(source, "second", never)).image.ref
