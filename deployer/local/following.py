"""Reads the logs of an app's containers as they are written: one thread each, one queue for all."""

import queue
import struct
import threading
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import requests
from docker.errors import DockerException

from deployer.local.engine import Engine, close_stream
from deployer.local.stamped import Stamped, joined
from empire.errors import Unavailable
from empire.manifest import LogLine

RETRY_SECONDS = 0.5
FULL_SECONDS = 0.2
BUFFERED_LINES = 1000
"""How far the dynos may be ahead of a slow reader; beyond it the engine waits."""
BROKEN = (Unavailable, DockerException, requests.RequestException, OSError, struct.error)


class Following:
    """Follows the containers that the labels name, also those that start later.

    `seen` maps a container's id to the stamp of its last line that is known already.
    """

    def __init__(self, engine: Engine, labels: list[str], seen: dict[str, str]) -> None:
        self._engine = engine
        self._labels = labels
        self._seen = seen
        self._lines: queue.Queue[LogLine] = queue.Queue(BUFFERED_LINES)
        self._closed = threading.Event()
        self._lock = threading.Lock()
        self._streams: set[Any] = set()
        self._readers: dict[str, bool] = {}
        """Who has a reader; true when the container started again and is to be read once more."""
        self._spawn(self._watch)

    def next(self, seconds: float) -> LogLine | None:
        """Return the next line; None when there is none for so long."""
        try:
            return self._lines.get(timeout=seconds)
        except queue.Empty:
            return None

    def close(self) -> None:
        """Let all threads end."""
        self._closed.set()
        with self._lock:
            streams = list(self._streams)
        for stream in streams:
            close_stream(stream)

    def _watch(self) -> None:
        filters = {"type": ["container"], "event": ["start"], "label": self._labels}
        while not self._closed.is_set():
            try:
                stream = self._opened(self._engine.api.events(filters=filters, decode=True))
                self._catch_up()
                for event in stream:
                    self._attach(event["Actor"]["ID"], event["Actor"]["Attributes"])
            except BROKEN:
                self._closed.wait(RETRY_SECONDS)

    def _catch_up(self) -> None:
        for row in self._engine.api.containers(all=True, filters={"label": self._labels}):
            self._attach(row["Id"], row["Labels"])

    def _attach(self, container: str, labels: dict[str, str]) -> None:
        dyno = f"{labels['empire.process']}.{labels['empire.index']}"
        with self._lock:
            is_read = container in self._readers
            self._readers[container] = is_read
        if not is_read:
            self._spawn(self._read, container, dyno)

    def _read(self, container: str, dyno: str) -> None:
        is_wanted = True
        while is_wanted and not self._closed.is_set():
            try:
                self._read_once(container, dyno)
            except BROKEN:
                self._closed.wait(RETRY_SECONDS)
            with self._lock:
                is_wanted = self._readers.pop(container)
                if is_wanted:
                    self._readers[container] = False

    def _read_once(self, container: str, dyno: str) -> None:
        last = self._seen.get(container, "")
        stream = self._opened(
            self._engine.api.logs(
                container,
                stream=True,
                follow=True,
                timestamps=True,
                since=int(Stamped(last, "").at) if last else None,
            )
        )
        self._take(container, dyno, joined(stream))
        self._streams.discard(stream)

    def _take(self, container: str, dyno: str, lines: Iterable[Stamped]) -> None:
        for one in lines:
            if one.stamp <= self._seen.get(container, ""):
                continue
            self._seen[container] = one.stamp
            self._put(one.line(dyno))

    def _put(self, line: LogLine) -> None:
        while not self._closed.is_set():
            with suppress(queue.Full):
                self._lines.put(line, timeout=FULL_SECONDS)
                break

    def _opened(self, stream: Any) -> Any:
        with self._lock:
            self._streams.add(stream)
        if self._closed.is_set():
            close_stream(stream)
        return stream

    def _spawn(self, target: Any, *arguments: str) -> None:
        threading.Thread(target=target, args=arguments, name="logs", daemon=True).start()
