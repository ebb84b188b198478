from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gitserver.world import Person, World, running


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with running(tmp_path, ssh_keepalive_seconds=0.1) as world:
        yield world


@pytest.fixture
def ann(world: World) -> Person:
    return world.person("ann")


@pytest.fixture
def work(world: World, ann: Person) -> Path:
    return world.clone_of(ann)
