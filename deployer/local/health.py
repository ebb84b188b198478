"""Whether a dyno takes requests: one HTTP request, asked again with growing pauses."""

import re
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from empire.manifest import Target

FIRST_PAUSE_SECONDS = 0.005
LAST_PAUSE_SECONDS = 0.100
GROWTH = 1.03
"""Half a pause is lost on average: so one is about 3 % of the time that was waited before it."""
CONNECT_SECONDS = 1.0
ANSWER_SECONDS = 30.0
"""Long on purpose: an app that works hard on its first request must not get a second one on top."""
SLICE_SECONDS = 0.1
STATUS_LINE = re.compile(rb"HTTP/\d(?:\.\d)? (\d{3})\b")
LONGEST_STATUS_LINE = 4096
LONGEST_BODY = 256 * 1024


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one probe ended."""

    is_up: bool
    text: str


@dataclass(slots=True)
class Findings:
    """What all probes of a dyno found."""

    url: str
    counts: Counter[str] = field(default_factory=Counter)
    last: str = ""

    def add(self, outcome: Outcome) -> None:
        """Count one more probe."""
        self.counts[outcome.text] += 1
        self.last = outcome.text

    def __str__(self) -> str:
        several = ", ".join(f"{text} ({count})" for text, count in self.counts.most_common())
        last = f"; the last one: {self.last}" if len(self.counts) > 1 else ""
        total = self.counts.total()
        return f"{total} {'probe' if total == 1 else 'probes'} of {self.url}: {several}{last}"


def pauses() -> Iterator[float]:
    """Yield how many seconds to wait between probes: short at first, then a steady pace."""
    pause = FIRST_PAUSE_SECONDS
    while True:
        yield pause
        pause = min(pause * GROWTH, LAST_PAUSE_SECONDS)


def probe(target: Target, path: str | None, hostname: str, is_over: Callable[[], bool]) -> Outcome:
    """Ask once. With a path it takes a 2xx or 3xx; without one any HTTP answer will do.

    `is_over` is asked while the app thinks; true ends the probe.
    """
    try:
        with socket.create_connection((target.host, target.port), CONNECT_SECONDS) as connection:
            connection.sendall(_request(path or "/", hostname))
            answer = _read_status_line(connection, is_over)
            _read_on(connection)
    except TimeoutError:
        return Outcome(is_up=False, text="no connection")
    except ConnectionRefusedError:
        return Outcome(is_up=False, text="connection refused")
    except OSError as error:
        return Outcome(is_up=False, text=(error.strerror or str(error)).lower())
    return _judged(answer, needs_success=path is not None)


def _request(path: str, hostname: str) -> bytes:
    lines = (
        f"GET {path} HTTP/1.1",
        f"Host: {hostname}",
        "User-Agent: Empire-Health/1",
        "Accept: */*",
        "Connection: close",
    )
    return "\r\n".join((*lines, "", "")).encode()


def _read_status_line(connection: socket.socket, is_over: Callable[[], bool]) -> bytes | None:
    """Return the answer's first bytes, as far as they came; None when the app took too long."""
    deadline, got = time.monotonic() + ANSWER_SECONDS, b""
    connection.settimeout(SLICE_SECONDS)
    while b"\n" not in got and len(got) < LONGEST_STATUS_LINE:
        if is_over() or time.monotonic() > deadline:
            return None
        try:
            chunk = connection.recv(LONGEST_STATUS_LINE)
        except TimeoutError:
            continue
        if not chunk:
            break
        got += chunk
    return got


def _read_on(connection: socket.socket) -> None:
    """Read what more comes, within limits: many apps log an error when their listener hangs up."""
    deadline, left = time.monotonic() + SLICE_SECONDS, LONGEST_BODY
    with suppress(OSError):
        while left > 0 and time.monotonic() < deadline and (chunk := connection.recv(left)):
            left -= len(chunk)


def _judged(answer: bytes | None, *, needs_success: bool) -> Outcome:
    if answer is None:
        return Outcome(is_up=False, text="no answer in time")
    if not answer:
        return Outcome(is_up=False, text="closed without an answer")
    match = STATUS_LINE.match(answer)
    if not match:
        return Outcome(is_up=False, text="an answer that is not HTTP")
    status = int(match[1])
    return Outcome(is_up=not needs_success or 200 <= status < 400, text=f"status {status}")
