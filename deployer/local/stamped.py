"""Log lines as the engine sends them: frames that begin with their time, long lines in pieces."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from empire.manifest import LogLine

LONGEST_LINE = 64 * 1024
"""Bytes; a longer line is told as several."""


@dataclass(frozen=True, slots=True, order=True)
class Stamped:
    """One line with its time as the engine writes it (RFC 3339, nanoseconds: sorts as text)."""

    stamp: str
    text: str

    @property
    def at(self) -> float:
        """Seconds since the epoch."""
        return datetime.fromisoformat(self.stamp).timestamp()

    def line(self, dyno: str) -> LogLine:
        """Return it as a line of the app's log."""
        return LogLine(self.at, "app", dyno, self.text)


def joined(frames: Iterable[bytes]) -> Iterator[Stamped]:
    """Yield whole lines: the engine cuts lines at 16 KiB and stamps each piece."""
    stamp, held = b"", b""
    for frame in frames:
        at, _, piece = frame.partition(b" ")
        stamp = stamp or at
        held += piece
        if held.endswith(b"\n") or len(held) >= LONGEST_LINE:
            yield _stamped(stamp, held)
            stamp, held = b"", b""
    if stamp:
        yield _stamped(stamp, held)


def _stamped(stamp: bytes, content: bytes) -> Stamped:
    return Stamped(
        stamp.decode("ascii", "replace"), content.decode("utf-8", "replace").rstrip("\r\n")
    )
