"""Waiting for what a change brings, without holding a thread or a database connection meanwhile."""

import asyncio
import time
from collections.abc import Callable

from fastapi.concurrency import run_in_threadpool

from apiserver import errors
from apiserver.calls import Call, Door
from empire import deployments
from empire.deployments import Step

LOOK_SECONDS = 0.25
"""How soon a change by another process, whose bell does not ring here, is seen."""
EAR_SECONDS = 0.01


async def until(door: Door, look: Callable[[], bool], seconds: float) -> bool:
    """Return True once `look` does, False when the time is over or the server stops."""
    deadline = time.monotonic() + seconds
    while True:
        seen = door.store.bell.rings
        if await run_in_threadpool(look):
            return True
        if door.stopping.is_set() or time.monotonic() > deadline:
            return False
        await _ring(door, seen)


async def until_released(call: Call, deployment_id: str, seconds: float) -> bool:
    """Return True when the deployment's release is there, False when the time is over.

    Raises the error that ended the deployment.
    """
    return await until(call.door, lambda: _is_released(call, deployment_id), seconds)


def _is_released(call: Call, deployment_id: str) -> bool:
    with call.store.reading() as session:
        deployment = deployments.find(session, deployment_id)
    if not deployment.is_open and deployment.step != Step.LIVE:
        raise errors.of_deployment(deployment)
    return deployment.step not in (Step.RECEIVED, Step.BUILT)


async def _ring(door: Door, seen: int) -> None:
    until_look = time.monotonic() + LOOK_SECONDS
    while door.store.bell.rings == seen and time.monotonic() < until_look:
        await asyncio.sleep(EAR_SECONDS)
