"""Waiting for a change without holding a thread or a database connection meanwhile."""

import asyncio
import time
from collections.abc import Callable

from fastapi.concurrency import run_in_threadpool

from apiserver.calls import Door

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


async def _ring(door: Door, seen: int) -> None:
    until_look = time.monotonic() + LOOK_SECONDS
    while door.store.bell.rings == seen and time.monotonic() < until_look:
        await asyncio.sleep(EAR_SECONDS)
