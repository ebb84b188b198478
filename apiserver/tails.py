"""Log lines as server-sent events. A tail holds no thread: it sleeps in the event loop.

Followers of the same lines stand at the same positions, so what one of them reads is read once for
all of them.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from fastapi.concurrency import run_in_threadpool

from apiserver.calls import Door
from empire import logs
from empire.logs import LogFilter
from empire.manifest import LogLine
from empire.names import AppName
from empire.platform import Logs

MOST_LINES = 1500
KEEP_ALIVE_SECONDS = 30.0
"""Clients give up on a body that is silent for 300 seconds."""
NAP_SECONDS = 0.05
_SHARED = 32
"""How many parts of logs are kept for the next follower."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What of an app's log is wished; with a tail also what comes."""

    app: AppName
    filter: LogFilter
    lines: int
    tail: bool


Part = tuple[bytes, int]
"""Events, and where to go on after them."""


@dataclass
class Parts:
    """Parts of logs as events. All calls are from the event loop."""

    logs: Logs
    _parts: OrderedDict[tuple[AppName, LogFilter, int], asyncio.Task[Part]] = field(
        default_factory=OrderedDict
    )
    _ends: dict[AppName, tuple[float, int]] = field(default_factory=dict)

    async def recent(self, wish: Wish) -> Part:
        """Return the last lines."""
        return await run_in_threadpool(self._recent, wish)

    async def after(self, wish: Wish, position: int) -> Part:
        """Return what comes after the position; the same position when nothing does."""
        key = (wish.app, wish.filter, position)
        task = self._parts.get(key)
        if task is None:
            task = asyncio.create_task(run_in_threadpool(self._after, *key))
            self._parts[key] = task
            if len(self._parts) > _SHARED:
                self._parts.popitem(last=False)
        try:
            # Shielded: a follower who leaves must not end what others wait for.
            content, after = await asyncio.shield(task)
        except Exception:
            self._parts.pop(key, None)
            raise
        if after == position:
            self._parts.pop(key, None)
        return content, after

    def end(self, app: AppName) -> int:
        """Return where the log ends, or ended a moment ago."""
        now = time.monotonic()
        looked_at, end = self._ends.get(app, (0.0, 0))
        if now - looked_at > NAP_SECONDS / 2:
            if len(self._ends) > _SHARED:
                self._ends.clear()
            end = self.logs.end(app)
            self._ends[app] = (now, end)
        return end

    def _recent(self, wish: Wish) -> Part:
        found, after = self.logs.recent(wish.app, wish.lines, wish.filter)
        return _events(found), after

    def _after(self, app: AppName, wish: LogFilter, position: int) -> Part:
        found, after = self.logs.read(app, position, wish)
        return _events(found), after


async def stream(door: Door, parts: Parts, wish: Wish, seen: int | None) -> AsyncIterator[bytes]:
    """Yield the events; those up to the id `seen` are left out."""
    # Without a tail the client goes on once its reconnect timer, set here, has run out.
    if not wish.tail:
        yield b"retry: 1\n\n"
    position = seen or 0
    if seen is None:
        content, position = await parts.recent(wish)
        if content:
            yield content
    heard = time.monotonic()
    while not door.stopping.is_set() and (wish.tail or seen is not None):
        content, after = await parts.after(wish, position)
        if content or time.monotonic() - heard > KEEP_ALIVE_SECONDS:
            heard = time.monotonic()
            yield content or b": keep-alive\n\n"
        if after == position:
            if not wish.tail:
                return
            await _more(door, parts, wish, position, heard + KEEP_ALIVE_SECONDS)
        position = after


async def _more(door: Door, parts: Parts, wish: Wish, position: int, until: float) -> None:
    """Return when the log does not end at the position any more, or at the time for a sign of life.

    All followers wake at the same moments, or they would not read the same parts.
    """
    await _tick()
    while parts.end(wish.app) == position and time.monotonic() < until:
        if door.stopping.is_set():
            return
        await _tick()


async def _tick() -> None:
    await asyncio.sleep(NAP_SECONDS - asyncio.get_running_loop().time() % NAP_SECONDS)


def _events(found: list[LogLine]) -> bytes:
    return b"".join(
        f"id: {line.position}\ndata: {logs.told(line)}\n\n".encode("utf-8", "replace")
        for line in found
    )
