"""The newest lines of one app, in the order in which they came: what followers of its log read.

A position is a time in milliseconds with three digits more, so it means the same to the next server;
along the feed it grows, also where a line comes late that was written before others.
"""

import math
import secrets
import threading
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import replace

from deployer.aws.log_lines import Found, stamp
from deployer.aws.streams import OURS, Place
from empire.manifest import LogLine

STEP = 1000
"""Positions in a millisecond."""
LATE_SECONDS = 20.0
"""How late a line may come: containers send theirs every five seconds."""
MOST_LINES, MOST_BYTES = 5000, 4 * 1024 * 1024
MOST_PENDING = 10_000


class Feed:
    """The lines of one app. Whoever uses it holds its lock, who asks AWS for it `calling`."""

    def __init__(self, app: str) -> None:
        self.app = app
        self.lock = threading.Lock()
        self.calling = threading.Lock()
        self.stream = str(Place(app, OURS, secrets.token_hex(8)))
        """Where the platform's lines go; nobody else writes there, so they need not be read."""
        self.began_at = time.time() - LATE_SECONDS
        self.floor = self.end = position_of(self.began_at)
        """What is before the floor is not here."""
        self.polled_until = 0.0
        self.created_at = self.written_at = time.monotonic()
        self.asked_at = -math.inf
        self.polled_at = self.fruitful_at = 0.0
        self.pending: list[LogLine] = []
        self._lines: deque[LogLine] = deque()
        self._bytes = 0
        self._seen: dict[str, float] = {}

    def write(self, lines: Iterable[LogLine]) -> None:
        """Take lines of the platform itself; they wait to be sent."""
        self.written_at = time.monotonic()
        for line in lines:
            # As it will come back from CloudWatch.
            self._append(replace(line, at=stamp(line.at) / 1000))
            self.pending.append(line)
        del self.pending[:-MOST_PENDING]

    def take(self, found: Iterable[Found]) -> int:
        """Take what was read; return how many lines of it are new."""
        fresh = [one for one in found if one.id not in self._seen and one.stream != self.stream]
        for one in fresh:
            self._seen[one.id] = one.line.at
            self._append(one.line)
        return len(fresh)

    def forget_seen(self, before: float) -> None:
        """Forget the ids of lines from before a time: they are not read again."""
        self._seen = {id_: at for id_, at in self._seen.items() if at >= before}

    def after(self, position: int, most: int) -> list[LogLine]:
        """Return so many lines at most from a position on."""
        found: list[LogLine] = []
        for line in reversed(self._lines):
            if line.position <= position:
                break
            found.append(line)
        return found[::-1][:most]

    def _append(self, line: LogLine) -> None:
        self.end = max(self.end + 1, position_of(line.at))
        self._lines.append(replace(line, position=self.end))
        self._bytes += len(line.text)
        while len(self._lines) > MOST_LINES or self._bytes > MOST_BYTES:
            gone = self._lines.popleft()
            self._bytes -= len(gone.text)
            self.floor = gone.position


def position_of(at: float) -> int:
    """Return the position of a time, in seconds since the epoch."""
    return stamp(at) * STEP
