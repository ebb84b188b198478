"""Log lines as server-sent events. Each tail has a thread of its own, taken from no pool."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Generator
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog
from fastapi.concurrency import run_in_threadpool

from apiserver.calls import Door
from empire.manifest import LogLine
from empire.names import AppName

MOST_LINES = 1500
KEEP_ALIVE_SECONDS = 30.0
"""Clients give up on a body that is silent for 300 seconds."""
_AHEAD = 1000
"""How many lines a tail may be ahead of its client."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Wish:
    """What of an app's log is wished: a dyno (web.1) or type (web), a source (app or heroku)."""

    app: AppName
    dyno: str | None
    source: str | None
    lines: int
    tail: bool

    def holds(self, line: LogLine) -> bool:
        """Tell whether the line is wished for."""
        by_dyno = not self.dyno or self.dyno in (line.dyno, line.dyno.partition(".")[0])
        return by_dyno and (not self.source or self.source == source_of(line))


def source_of(line: LogLine) -> str:
    """Return who speaks in Heroku's words: the app, or the platform."""
    return "app" if line.source == "app" else "heroku"


async def stream(door: Door, wish: Wish, seen: int | None) -> AsyncIterator[bytes]:
    """Yield the events; those up to the id `seen` are left out."""
    # Without a tail the client goes on once its reconnect timer, set here, has run out.
    if not wish.tail:
        yield b"retry: 1\n\n"
    async for line in _tail(door, wish, seen) if wish.tail else _recent(door, wish):
        if line is None:
            yield b": keep-alive\n\n"
        elif wish.holds(line) and (seen is None or _number(line) > seen):
            yield _event(line)


async def _recent(door: Door, wish: Wish) -> AsyncIterator[LogLine | None]:
    count = MOST_LINES if wish.dyno or wish.source else wish.lines
    found = await run_in_threadpool(door.platform.logs.recent, wish.app, count)
    wanted = [line for line in found if wish.holds(line)]
    for line in wanted[len(wanted) - min(wish.lines, len(wanted)) :]:
        yield line


async def _tail(door: Door, wish: Wish, seen: int | None) -> AsyncIterator[LogLine | None]:
    pump = _Pump(door, wish.app, wish.lines if seen is None else MOST_LINES)
    heard = time.monotonic()
    try:
        while not door.stopping.is_set():
            line = await pump.next()
            if line is not None or time.monotonic() - heard > KEEP_ALIVE_SECONDS:
                heard = time.monotonic()
                yield line
            if pump.is_dry:
                return
    finally:
        pump.close()


class _Pump:
    """Brings lines from the port's blocking iterator into the event loop."""

    def __init__(self, door: Door, app: AppName, lines: int) -> None:
        self._door = door
        self._loop = asyncio.get_running_loop()
        self._lines: asyncio.Queue[LogLine] = asyncio.Queue()
        self._room = threading.Semaphore(_AHEAD)
        self._closed = threading.Event()
        self._has_ended = False
        threading.Thread(
            target=self._run, args=(app, lines), name=f"tail-{app}", daemon=True
        ).start()

    async def next(self) -> LogLine | None:
        """Return the next line, or None when none came for a moment."""
        try:
            line = await asyncio.wait_for(self._lines.get(), 0.25)
        except TimeoutError:
            return None
        self._room.release()
        return line

    @property
    def is_dry(self) -> bool:
        """Tell whether no line will come any more."""
        return self._has_ended and self._lines.empty()

    def close(self) -> None:
        self._closed.set()

    def _run(self, app: AppName, lines: int) -> None:
        try:
            found = self._door.platform.logs.follow(app, lines)
            for line in found:
                if not self._is_wanted or (line is not None and not self._put(line)):
                    break
            if isinstance(found, Generator):
                found.close()
        except Exception:
            log.exception("log tail failed", app=app)
        finally:
            self._has_ended = True

    def _put(self, line: LogLine) -> bool:
        """Hand the line over once there is room; False when nobody wants it any more."""
        while not self._room.acquire(timeout=0.1):
            if not self._is_wanted:
                return False
        self._loop.call_soon_threadsafe(self._lines.put_nowait, line)
        return True

    @property
    def _is_wanted(self) -> bool:
        return not (self._closed.is_set() or self._door.stopping.is_set())


def _event(line: LogLine) -> bytes:
    at = datetime.fromtimestamp(line.at, UTC).isoformat(timespec="microseconds")
    who = f"{source_of(line)}[{line.dyno or line.source}]"
    data = " ".join(line.text.splitlines()) or ""
    return f"id: {_number(line)}\ndata: {at} {who}: {data}\n\n".encode("utf-8", "replace")


def _number(line: LogLine) -> int:
    return int(line.at * 1_000_000)
