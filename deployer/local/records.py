"""The lines of an app's log as they stand on disk: one record a line, whatever bytes its text has."""

from datetime import UTC, datetime
from typing import NamedTuple

from empire.logs import LogFilter
from empire.manifest import LogLine

NONE = b"-"


class Record(NamedTuple):
    """One line as it came.

    `stamp` is its time (RFC 3339 in UTC with nanoseconds, so it sorts as bytes), `origin` what it was
    read from, so that it is never taken twice: a container, or a place in the router's log.
    """

    stamp: bytes
    source: bytes
    dyno: bytes
    origin: bytes
    text: bytes

    def encoded(self) -> bytes:
        """Return the record as it is stored."""
        stamp, source, dyno, origin, text = self
        return b"%b %b %b %b %b\n" % (stamp, source, dyno or NONE, origin or NONE, escaped(text))

    def line(self, position: int) -> LogLine:
        """Return the line for people; bytes that are no text are replaced."""
        dyno = "" if self.dyno == NONE else self.dyno.decode("ascii", "replace")
        text = self.text.decode("utf-8", "replace").removesuffix("\r")
        return LogLine(seconds(self.stamp), self.source.decode(), dyno, text, position)


def decoded(stored: bytes) -> Record | None:
    """Return the record of a stored line without its end; None for what is none."""
    parts = stored.split(b" ", 4)
    if len(parts) != 5 or not parts[0].endswith(b"Z"):
        return None
    if b"\\" in parts[4]:
        parts[4] = unescaped(parts[4])
    return Record(*parts)


def of_line(line: LogLine) -> Record:
    """Return the record of a line that the platform wrote."""
    text = line.text.encode("utf-8", "replace")
    return Record(stamp(line.at), line.source.encode(), line.dyno.encode(), b"", text)


def escaped(text: bytes) -> bytes:
    """Return the text without line ends."""
    if b"\\" in text:
        text = text.replace(b"\\", b"\\\\")
    return text.replace(b"\n", b"\\n") if b"\n" in text else text


def unescaped(text: bytes) -> bytes:
    """Return the text as it was."""
    parts = text.split(b"\\\\")
    return b"\\".join(part.replace(b"\\n", b"\n") for part in parts)


def needle(wish: LogFilter) -> bytes:
    """Return bytes that every wished record holds; most others do not."""
    if wish.grep:
        return escaped(wish.grep.encode("utf-8", "surrogatepass"))
    if wish.dyno:
        return b" %b" % wish.dyno.encode("utf-8", "surrogatepass")
    if wish.source and wish.source != "heroku":
        return b" %b " % wish.source.encode("utf-8", "surrogatepass")
    return b"\n"


def stamp(at: float) -> bytes:
    """Return the time as it stands in records."""
    text = datetime.fromtimestamp(at, UTC).isoformat(timespec="microseconds")
    return f"{text[:26]}000Z".encode()


def seconds(stamp: bytes) -> float:
    """Return the stamp's time in seconds since the epoch, 0 for a wrong one."""
    try:
        return datetime.fromisoformat(stamp.decode("ascii", "replace")).timestamp()
    except ValueError:
        return 0
