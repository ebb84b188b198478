"""Commands that wait for, or have, somebody at the other end: their streams in frames over HTTP.

A frame is one byte that names its channel, four bytes of length, and so much content.
"""

import asyncio
import secrets
import struct
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

import structlog

from empire.errors import Conflict, NotFound
from empire.platform import Duplex

QUIET, STDOUT, STDERR, EXIT, STARTED = range(5)
HEAD = struct.Struct(">BL")
UNCLAIMED_SECONDS = 60.0
TICK_SECONDS = 0.25
QUIET_SECONDS = 5.0
CLOSE_SECONDS = 5.0

log = structlog.get_logger()


class Attachment:
    """One command. `open_` starts it, `forget` removes what is left of it."""

    def __init__(self, open_: Callable[[], Duplex], forget: Callable[[], None]) -> None:
        self.offered_at = time.monotonic()
        self.is_claimed = False
        self._open = open_
        self._forget = forget
        self._duplex: Duplex | None = None
        self._ending: threading.Thread | None = None
        self._lock = threading.Lock()
        self._is_over = False
        # Threads of its own, one to read and one to write: it must not wait for anybody's.
        self._readers = ThreadPoolExecutor(1, "attached-out")
        self._writers = ThreadPoolExecutor(1, "attached-in")

    def begin(self) -> None:
        """Start the command; raises Conflict when somebody did already."""
        with self._lock:
            if self.is_claimed:
                raise Conflict("Somebody is attached to it already.")
            self.is_claimed = True
        try:
            self._duplex = self._open()
        except BaseException:
            self.end()
            raise

    async def frames(
        self, is_gone: Callable[[], Awaitable[bool]], stopping: threading.Event
    ) -> AsyncIterator[bytes]:
        """Yield the output and at last the exit status; ends the command when nobody listens."""
        loop, looked_at, told_at = asyncio.get_running_loop(), 0.0, time.monotonic()
        try:
            yield _frame(STARTED)
            reading = loop.run_in_executor(self._readers, self._next)
            while True:
                await asyncio.wait({reading}, timeout=TICK_SECONDS)
                if (at := time.monotonic()) - looked_at > TICK_SECONDS:
                    looked_at = at
                    if stopping.is_set() or await is_gone():
                        return
                if reading.done():
                    told_at = at
                    yield reading.result()
                    if self._is_over:
                        return
                    reading = loop.run_in_executor(self._readers, self._next)
                elif at - told_at > QUIET_SECONDS:
                    told_at = at
                    yield _frame(QUIET)
        finally:
            self.end()

    async def write(self, content: bytes) -> None:
        """Give it input; returns when it is taken. Raises OSError where nobody reads any more."""
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._writers, self._running().write, content)

    async def end_input(self) -> None:
        """Let it see the end of its input."""
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._writers, self._running().end_input)

    def resize(self, rows: int, columns: int) -> None:
        """Tell it the size of its terminal."""
        self._running().resize(rows, columns)

    def end(self) -> None:
        """End it, in the background; only once."""
        with self._lock:
            if self._ending is None:
                self._ending = threading.Thread(target=self._end, name="attached-end", daemon=True)
                self._ending.start()

    def wait_until_ended(self, seconds: float) -> None:
        """Return when it is ended, or after so long."""
        if self._ending:
            self._ending.join(seconds)

    @property
    def has_ended(self) -> bool:
        """Tell whether nothing is left to do for it."""
        return self._ending is not None and not self._ending.is_alive()

    def _next(self) -> bytes:
        duplex = self._running()
        if chunk := duplex.read():
            return _frame(*chunk)
        status = duplex.wait()
        self._is_over = True
        return _frame(EXIT, str(status).encode())

    def _running(self) -> Duplex:
        if self._duplex is None:
            raise Conflict("It does not run yet.", fix="Read its output first.")
        return self._duplex

    def _end(self) -> None:
        try:
            if self._duplex:
                self._duplex.close()
            self._forget()
        except Exception:  # what is left is found when the server looks for leftovers
            log.exception("an attached command could not be ended")
        self._readers.shutdown(wait=False)
        self._writers.shutdown(wait=False)


class Attachments:
    """All of this server, by addresses that nobody can guess."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, Attachment] = {}

    def offer(self, open_: Callable[[], Duplex], forget: Callable[[], None]) -> str:
        """Return the ticket of a command that starts when somebody attaches, within a minute."""
        ticket, attachment = secrets.token_urlsafe(32), Attachment(open_, forget)
        with self._lock:
            self._tidy()
            self._known[ticket] = attachment
        return ticket

    def find(self, ticket: str) -> Attachment:
        """Return what the ticket is for; raises NotFound."""
        with self._lock:
            found = self._known.get(ticket)
        if found is None or found.has_ended:
            raise NotFound("There is nothing to attach to at this address.", fix="Run it again.")
        return found

    def close(self) -> None:
        """End all; return when they are ended, or after CLOSE_SECONDS."""
        with self._lock:
            left = list(self._known.values())
        for attachment in left:
            attachment.end()
        deadline = time.monotonic() + CLOSE_SECONDS
        for attachment in left:
            attachment.wait_until_ended(max(0.0, deadline - time.monotonic()))

    def _tidy(self) -> None:
        oldest = time.monotonic() - UNCLAIMED_SECONDS
        for ticket, attachment in list(self._known.items()):
            if not attachment.is_claimed and attachment.offered_at < oldest:
                attachment.end()
            if attachment.has_ended:
                del self._known[ticket]


def _frame(channel: int, content: bytes = b"") -> bytes:
    return HEAD.pack(channel, len(content)) + content
