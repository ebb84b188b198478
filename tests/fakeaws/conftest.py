"""A stage per test on the shared simulator."""

import secrets
from collections.abc import Iterator

import docker
import pytest

from empire.names import ImageRef
from tests.fakeaws.simulator import Simulator
from tests.fakeaws.stage import Stage, push


@pytest.fixture(scope="session")
def pushed(simulator: Simulator, engine: docker.APIClient, obedient: ImageRef) -> str:
    """The image of the app that does what it is told, in the simulator's registry."""
    return push(simulator, engine, obedient, "obedient")


@pytest.fixture
def stage(simulator: Simulator, pushed: str) -> Iterator[Stage]:
    """A service to be made, of a name of its own."""
    stage = Stage(simulator, pushed, f"app-{secrets.token_hex(4)}")
    yield stage
    stage.remove()
