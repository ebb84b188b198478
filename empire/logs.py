"""What of an app's log is wished, and how a line names who wrote it."""

import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime

from empire.errors import InvalidInput
from empire.manifest import LogLine

SOURCES = ("app", "router", "build", "release", "platform")
"""Who writes: the app's own dynos, or a part of the platform."""
PLATFORM = "heroku"
"""Heroku's word for all that is not the app."""

_AGO = re.compile(r"(\d{1,9})\s*([smhdw])")
_UNIT_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


@dataclass(frozen=True, slots=True)
class LogFilter:
    """Which lines are wished; what is empty does not matter.

    `dyno` is a dyno (web.1) or a type (web), `source` one of SOURCES or PLATFORM, `since` in seconds
    since the epoch, `grep` a text that the line holds. The output of builds comes only when its
    source is named.
    """

    dyno: str = ""
    source: str = ""
    since: float = 0
    grep: str = ""

    def holds(self, line: LogLine) -> bool:
        """Tell whether the line is wished for."""
        return (
            (not self.dyno or self.dyno in (line.dyno, line.dyno.partition(".")[0]))
            and self._is_source(line)
            and line.at >= self.since
            and self.grep in line.text
        )

    def _is_source(self, line: LogLine) -> bool:
        if not self.source:
            return line.source != "build"
        return self.source in (line.source, speaker_of(line))


def speaker_of(line: LogLine) -> str:
    """Return who speaks in Heroku's words: the app, or the platform."""
    return "app" if line.source == "app" else PLATFORM


def told(line: LogLine) -> str:
    """Return the line as people read it."""
    at = datetime.fromtimestamp(line.at, UTC).isoformat(timespec="microseconds")
    text = " ".join(line.text.splitlines())
    return f"{at} {speaker_of(line)}[{line.dyno or line.source}]: {text}"


def since(text: str) -> float:
    """Return the seconds since the epoch of "10m" (ago) or an ISO time. Raises InvalidInput."""
    if not text:
        return 0
    if ago := _AGO.fullmatch(text.strip()):
        return time.time() - int(ago[1]) * _UNIT_SECONDS[ago[2]]
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        raise InvalidInput(
            f"{text[:100]!r} is no time.",
            fix="Say how long ago, such as 90s, 10m, 2h or 1d, or when: 2026-01-31T12:00Z",
        ) from None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def source(text: str) -> str:
    """Return the source if there is one of that name. Raises InvalidInput."""
    if text and text not in (*SOURCES, PLATFORM):
        raise InvalidInput(
            f"No log lines come from {text[:100]!r}.",
            fix=f"The sources are {', '.join(SOURCES)}; {PLATFORM} means all but app.",
        )
    return text
