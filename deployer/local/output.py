"""The output of one container, line by line from its first to its last, whatever breaks meanwhile."""

import queue
import threading
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

import requests
from docker.errors import APIError, DockerException, NotFound

from deployer.local import errors
from deployer.local.engine import Engine, close_stream
from empire import events
from empire.events import Line, Stream
from empire.platform import IsCancelled

CHECK_SECONDS = 0.1
RETRY_SECONDS = 0.1
LINES_AHEAD = 1000
LONGEST_LINE = 64 * 1024
"""Bytes; a longer line comes as several."""
Stamped = tuple[str, str]
"""When it was written, in the engine's form that sorts as text, and one line."""
ENDED = ("exited", "dead")
BROKEN = (DockerException, requests.RequestException, OSError)


def whole_lines(frames: Iterable[bytes]) -> Iterator[Stamped]:
    """Yield whole lines: the engine cuts them at 16 KiB and puts its stamp before each piece."""
    stamp, held = "", b""
    for frame in frames:
        at, _, piece = frame.partition(b" ")
        stamp, held = stamp or at.decode("ascii", "replace"), held + piece
        if held.endswith(b"\n") or len(held) >= LONGEST_LINE:
            yield stamp, held.decode("utf-8", "replace").rstrip("\r\n")
            stamp, held = "", b""
    if stamp:
        yield stamp, held.decode("utf-8", "replace")


class Output:
    """Follows one container; a thread of its own reads, so that a cancel is seen while it is quiet."""

    def __init__(self, engine: Engine, container: str, name: str) -> None:
        self._engine = engine
        self._container = container
        self._name = name
        self._lines: queue.Queue[Stamped | None] = queue.Queue(LINES_AHEAD)
        self._floor = self._last = ""
        self._closed = threading.Event()
        self._stream: Any = None

    def follow(self, is_cancelled: IsCancelled) -> Stream[int]:
        """Yield each line once and return the exit status; raises Cancelled, NotFound."""
        try:
            while True:
                threading.Thread(target=self._read, name=self._name, daemon=True).start()
                yield from self._taken(is_cancelled)
                state = self._state()
                if state and state["Status"] in ENDED:
                    if state["OOMKilled"]:
                        yield events.Warning(
                            f"{self._name} was killed: it used more memory than it has."
                        )
                    return int(state["ExitCode"])
                self._closed.wait(RETRY_SECONDS)
        finally:
            self._closed.set()
            if self._stream is not None:
                close_stream(self._stream)

    def _taken(self, is_cancelled: IsCancelled) -> Stream[None]:
        """Yield the lines of one reading until it ends."""
        while True:
            if is_cancelled():
                raise errors.cancelled(self._name)
            try:
                line = self._lines.get(timeout=CHECK_SECONDS)
            except queue.Empty:
                continue
            if line is None:
                return
            stamp, text = line
            if stamp > self._floor:
                self._last = stamp
                yield Line(text)

    def _state(self) -> dict[str, Any] | None:
        """Return the container's state; None while the engine does not answer."""
        try:
            found: dict[str, Any] = self._engine.api.inspect_container(self._container)["State"]
        except NotFound:
            raise errors.one_off_gone(self._name) from None
        except requests.ConnectionError:
            return None
        return found

    def _read(self) -> None:
        self._floor = self._last  # what an earlier reading brought comes again
        try:
            self._stream = self._engine.api.logs(
                self._container,
                stream=True,
                follow=True,
                timestamps=True,
                since=_seconds(self._last) if self._last else None,
            )
            for line in whole_lines(self._stream):
                if not self._put(line):
                    return
        except (APIError, *BROKEN):
            pass  # who follows looks at the container itself
        self._put(None)

    def _put(self, line: Stamped | None) -> bool:
        while not self._closed.is_set():
            try:
                self._lines.put(line, timeout=CHECK_SECONDS)
            except queue.Full:
                continue
            return True
        return False


def _seconds(stamp: str) -> int:
    return int(datetime.fromisoformat(stamp).timestamp())
