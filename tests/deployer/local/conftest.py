"""A real router on free ports in a folder of its own, and a server of its own on the engine."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from deployer.local.keeper import Keeper, shutdown
from deployer.local.router import CaddyRouter
from empire.names import AppName, Hostname, ImageRef
from empire.settings import Settings
from tests.conftest import quick
from tests.contracts.labs import LocalLab

HELLO = AppName("hello")
HOST = Hostname("hello.localhost")

Keeper.environment = {**Keeper.environment} | {
    name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")
}


def free_port() -> int:
    """Return a port that nobody uses now."""
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        port: int = trial.getsockname()[1]
        return port


def router_settings(home: Path) -> Settings:
    """Return settings with free ports for the home folder."""
    return Settings(
        home=home,
        http_port=free_port(),
        https_port=free_port(),
        api_port=free_port(),
        drain_seconds=10,
    )


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    yield router_settings(tmp_path)
    shutdown(tmp_path)


@pytest.fixture
def router(settings: Settings) -> CaddyRouter:
    router = CaddyRouter(settings)
    router.ensure_running()
    return router


@pytest.fixture
def local(tmp_path: Path, engine: docker.APIClient, obedient: ImageRef) -> Iterator[LocalLab]:
    """The local adapters, alone on the engine as far as they can see."""
    lab = LocalLab(quick(tmp_path), engine, obedient)
    yield lab
    lab.close()
