"""The logs of all apps of one server, in files of our own: one folder an app."""

import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice, takewhile

from deployer.local import records
from deployer.local.records import Record, decoded
from deployer.local.segments import SEGMENT_BYTES, Segments
from empire.logs import LogFilter
from empire.manifest import LogLine
from empire.names import AppName
from empire.platform import EVERYTHING
from empire.settings import Settings

RECENT_BYTES = 32 * 1024 * 1024
"""How much text `recent` returns at most, however many lines are wished."""
MARGIN_SECONDS = 5.0
"""The engine writes lines of one dyno almost in the order of their times; not farther off than this."""


class LocalLogs:
    """The logs of one server."""

    def __init__(self, settings: Settings) -> None:
        self._folder = settings.logs / "apps"
        self._most = max(2, settings.logs_max_mib_per_app * 1024 * 1024 // SEGMENT_BYTES)
        self._writing = threading.Lock()
        self._removed: dict[AppName, bytes] = {}
        """When an app's log was removed; lines from before may still be on their way."""

    def write(self, app: AppName, lines: Sequence[LogLine]) -> None:
        """Add lines of the platform at the log's end."""
        self.append(app, [records.of_line(line) for line in lines])

    def recent(
        self, app: AppName, lines: int = 100, wish: LogFilter = EVERYTHING
    ) -> tuple[list[LogLine], int]:
        """Return the last lines that are wished, by time, and where the log goes on after them."""
        found: list[LogLine] = []
        kept, size, end = self._of(app), 0, -1
        before = kept.end()
        for content, position in kept.newest_first(wish.since):
            end = position + len(content) if end < 0 else end
            for line in islice(_backward(content, position, wish), lines - len(found)):
                found.append(line)
                size += len(line.text)
                if size > RECENT_BYTES:
                    return _by_time(found), end
            if len(found) == lines:
                break
        return _by_time(found), end if end >= 0 else before

    def read(
        self, app: AppName, position: int, wish: LogFilter = EVERYTHING
    ) -> tuple[list[LogLine], int]:
        """Return wished lines from a position on and where to go on; waits for none."""
        content, begin = self._of(app).read(position)
        if not content:
            return [], position
        return list(_forward(content, begin, wish)), begin + len(content)

    def end(self, app: AppName) -> int:
        """Return where the log ends now."""
        return self._of(app).end()

    def remove(self, app: AppName) -> None:
        """Forget the app's log, and lines of now that come later."""
        with self._writing:
            self._removed[app] = records.stamp(time.time())
            self._of(app).remove()

    def append(self, app: AppName, found: Sequence[Record]) -> None:
        """Add records at the log's end. Raises OSError, then none or some are written."""
        with self._writing:
            removed = self._removed.get(app, b"")
            fresh = [one.encoded() for one in found if one.stamp > removed]
            if fresh:
                self._of(app).append(fresh)

    def known(self, app: AppName, dyno: str, origin: bytes, newest: bytes = b"") -> Counter[bytes]:
        """Return the stamps of the last lines of an origin, as far back as others may come late.

        `newest` is the stamp of its last line, when that is known.
        """
        sign = b" %b %b " % (dyno.encode(), origin)
        kept = self._of(app)
        if not newest:
            last = (one for content, _ in kept.newest_first() for one in _marked(content, sign))
            newest = next((one.stamp for one in last), b"")
        if not newest:
            return Counter()
        since = records.seconds(newest) - MARGIN_SECONDS
        return Counter(
            one.stamp
            for content, _ in kept.newest_first(since)
            for one in takewhile(
                lambda one: records.seconds(one.stamp) > since - MARGIN_SECONDS,
                _marked(content, sign),
            )
        )

    def last_origin(self, app: AppName, source: bytes) -> bytes:
        """Return the origin of the source's newest line; nothing when there is none."""
        sign = b" %b " % source
        for content, _ in self._of(app).newest_first():
            for stored, _ in _matching(content, sign):
                record = decoded(stored)
                if record and record.source == source:
                    return record.origin
        return b""

    def oldest(self, app: AppName) -> bytes:
        """Return the stamp before which lines are gone for good; nothing while all are kept."""
        return self._of(app).first().partition(b" ")[0]

    def _of(self, app: AppName) -> Segments:
        return Segments(self._folder / app, self._most)


def _by_time(found: list[LogLine]) -> list[LogLine]:
    """Return lines, newest first, by their times. Dynos are heard one after the other."""
    positions = sorted(line.position for line in found)
    found.reverse()
    ordered = sorted(found, key=lambda line: line.at)
    return [
        LogLine(line.at, line.source, line.dyno, line.text, position)
        for line, position in zip(ordered, positions, strict=True)
    ]


def _forward(content: bytes, begin: int, wish: LogFilter) -> Iterator[LogLine]:
    needle, position = records.needle(wish), begin
    if needle not in content:
        return
    for stored in content.split(b"\n")[:-1]:
        position += len(stored) + 1
        record = decoded(stored) if needle in stored or needle == b"\n" else None
        if record and wish.holds(line := record.line(position)):
            yield line


def _backward(content: bytes, begin: int, wish: LogFilter) -> Iterator[LogLine]:
    for stored, after in _matching(content, records.needle(wish)):
        record = decoded(stored)
        if record and wish.holds(line := record.line(begin + after)):
            yield line


def _marked(content: bytes, sign: bytes) -> Iterator[Record]:
    for stored, _ in _matching(content, sign):
        record = decoded(stored)
        if record and record.origin == sign.rpartition(b" ")[0].rpartition(b" ")[2]:
            yield record


def _matching(content: bytes, needle: bytes) -> Iterator[tuple[bytes, int]]:
    """Yield the stored lines that hold the needle, last first, and the offset after each."""
    end = len(content)
    while (at := content.rfind(needle, 0, end)) >= 0:
        begin = content.rfind(b"\n", 0, at) + 1
        after = content.find(b"\n", at) + 1
        yield content[begin : after - 1], after
        end = begin
