"""Starts of the sample app on the engine, and what came of them."""

from typing import Any

import httpx
import pytest

from deployer.local.scheduler import DockerScheduler
from empire.errors import StartFailed
from empire.manifest import Manifest
from tests.contracts.labs import LocalLab
from tests.fakes import never
from tests.streams import result


def start(local: LocalLab, wanted: Manifest) -> dict[str, str]:
    """Start it and return the environment that its first web dyno shows."""
    target = result(local.scheduler.start(wanted, never))[0]
    shown: dict[str, str] = httpx.get(f"http://{target}/").json()
    return shown


def failure(local: LocalLab, wanted: Manifest, seconds: float = 60) -> StartFailed:
    """Return why it does not start within so long, and see that nothing is left."""
    hasty = DockerScheduler(local.settings.model_copy(update={"start_seconds": seconds}))
    try:
        with pytest.raises(StartFailed) as caught:
            result(hasty.start(wanted, never))
    finally:
        hasty.close()
    assert local.container_names() == []
    return caught.value


def inspected(local: LocalLab) -> dict[str, Any]:
    """Return all of the only container."""
    (name,) = local.container_names()
    found: dict[str, Any] = local.engine.inspect_container(name)
    return found
