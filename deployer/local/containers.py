"""Ending containers, whoever else is doing the same."""

import time

from docker.errors import APIError, NotFound

from deployer.local.engine import GONE_CODES, Engine, tolerating_gone

GONE_SECONDS = 10.0
LOOK_SECONDS = 0.02


def remove(engine: Engine, container: str) -> None:
    """Kill and remove a container, and return when it is gone."""
    with tolerating_gone():
        engine.api.kill(container)
    _remove(engine, container)


def stop(engine: Engine, container: str, grace_seconds: int) -> None:
    """Stop a container as it asks to be (SIGTERM by default), kill it after the grace, remove it."""
    with tolerating_gone():
        engine.api.stop(container, timeout=grace_seconds)
    _remove(engine, container)


def _remove(engine: Engine, container: str) -> None:
    engine.before_remove(container)
    deadline = time.monotonic() + GONE_SECONDS
    while True:
        try:
            engine.api.remove_container(container, force=True, v=True)
        except NotFound:
            return
        except APIError as error:
            # Another call removes it already; it is gone when the engine does not find it.
            if error.status_code not in GONE_CODES or time.monotonic() > deadline:
                raise
            time.sleep(LOOK_SECONDS)
        else:
            return
