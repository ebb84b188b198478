"""The output of each deployment: one append-only file of events, read from any offset."""

import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from empire import events
from empire.events import Event

POLL_SECONDS = 0.25  # how soon a reader in another process than the writer sees a new line


class Journals:
    """The journals of all deployments in one folder."""

    def __init__(self, folder: Path) -> None:
        """Use the folder; it is made at the first append."""
        self._folder = folder
        self._lock = threading.Lock()
        self._conditions: dict[str, threading.Condition] = {}
        self._readers: Counter[str] = Counter()

    def path(self, journal: str) -> Path:
        """Return where the journal's file is, or will be."""
        return self._folder / f"{journal}.jsonl"

    def append(self, journal: str, event: Event) -> None:
        """Write the event at the journal's end and wake its readers."""
        self._folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(self.path(journal), os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            size = os.fstat(handle).st_size
            # A writer that was killed may have left half a line; it must not swallow this one.
            torn = size > 0 and os.pread(handle, 1, size - 1) != b"\n"
            os.write(handle, (b"\n" if torn else b"") + events.encode(event))
        finally:
            os.close(handle)
        self._wake(journal)

    def read(self, journal: str, offset: int = 0) -> tuple[list[Event], int]:
        """Return the events from the offset (in bytes) on, and the offset after them."""
        try:
            with self.path(journal).open("rb") as file:
                file.seek(offset)
                content = file.read()
        except FileNotFoundError:
            return [], offset
        whole = content[: content.rfind(b"\n") + 1]
        return [event for line in whole.splitlines() if (event := _decoded(line))], offset + len(
            whole
        )

    def follow(self, journal: str, offset: int = 0, quiet_seconds: float = 5) -> Iterator[Event]:
        """Yield events as they come until the last one; Quiet when none came for quiet_seconds."""
        with self._reading(journal) as condition:
            heard = time.monotonic()
            while True:
                with condition:
                    found, offset = self.read(journal, offset)
                    if not found:
                        condition.wait(min(POLL_SECONDS, quiet_seconds))
                for event in found:
                    yield event
                    if events.is_last(event):
                        return
                    heard = time.monotonic()
                if time.monotonic() - heard >= quiet_seconds:
                    yield events.Quiet()
                    heard = time.monotonic()

    def remove(self, journal: str) -> None:
        """Forget the journal."""
        self.path(journal).unlink(missing_ok=True)

    def _wake(self, journal: str) -> None:
        condition = self._conditions.get(journal)
        if condition:
            with condition:
                condition.notify_all()

    @contextmanager
    def _reading(self, journal: str) -> Iterator[threading.Condition]:
        with self._lock:
            condition = self._conditions.setdefault(journal, threading.Condition())
            self._readers[journal] += 1
        try:
            yield condition
        finally:
            with self._lock:
                self._readers[journal] -= 1
                if not self._readers[journal]:
                    del self._readers[journal], self._conditions[journal]


def _decoded(line: bytes) -> Event | None:
    try:
        return events.decode(line)
    except ValueError:
        return None
