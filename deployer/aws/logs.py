"""The logs of all apps in CloudWatch, near enough to live: one thread reads and writes for everybody.

Who follows a log reads from memory. What dynos write comes from CloudWatch, asked every second for
the apps that somebody follows and for no other; what the platform writes is in memory at once and in
CloudWatch a second later.
"""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import islice

import structlog

from deployer.aws import log_lines
from deployer.aws.account import Account
from deployer.aws.log_feed import LATE_SECONDS, MOST_PENDING, STEP, Feed, position_of
from deployer.aws.log_group import LogGroup
from deployer.aws.log_lines import Names, stamp
from empire.errors import EmpireError
from empire.logs import LogFilter
from empire.manifest import LogLine
from empire.names import AppName
from empire.platform import EVERYTHING

POLL_SECONDS, QUIET_POLL_SECONDS = 1.0, 3.0
"""How often to ask for new lines of an app that is followed; less often when none come."""
QUIET_SECONDS = 60.0
FOLLOWED_SECONDS = 10.0
"""How long after the last question an app counts as followed."""
FRESH_SECONDS = 0.2
"""So old may be what was read last, when somebody asks for the last lines."""
GATHER_SECONDS = 0.5
"""How long lines gather before they are written."""
IDLE_SECONDS = 900.0
"""After how long without a question an app's lines leave the memory."""
CLOSE_SECONDS = 5.0
READ_LINES = 2000
"""How many lines are read at a time."""
PAGES_AT_ONCE = 20
FIRST_SPAN_SECONDS, SPAN_FACTOR = 60.0, 8
LONGEST_SECONDS = 400 * 86400.0
"""How far back to look for the last lines; the log group's retention is shorter."""

log = structlog.get_logger()


class CloudWatchLogs:
    """The logs of one server's apps. `names` tells which dyno a task is."""

    def __init__(self, account: Account, names: Names) -> None:
        self._group = LogGroup(account, names)
        self._feeds: dict[str, Feed] = {}
        self._removed: dict[str, float] = {}
        """When an app's log was removed; lines from before may still be on their way."""
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="cloudwatch", daemon=True)
        self._thread.start()

    def write(self, app: AppName, lines: Sequence[LogLine]) -> None:
        """Add lines of the platform at the log's end."""
        feed = self._feed(app)
        with feed.lock:
            feed.write(lines)
        self._wake.set()

    def recent(
        self, app: AppName, lines: int = 100, wish: LogFilter = EVERYTHING
    ) -> tuple[list[LogLine], int]:
        """Return the last lines that are wished, by time, and where the log goes on after them."""
        feed = self._asked(app)
        self._poll(feed)
        with feed.lock:
            here, floor, end = feed.after(0, 1 << 30), feed.floor, feed.end
        found = [line for line in here if wish.holds(line)][::-1]
        if len(found) < lines:
            older = self._newest_first(app, floor // STEP, wish)
            found += islice(older, lines - len(found))
        return _by_time(found[:lines]), end

    def read(
        self, app: AppName, position: int, wish: LogFilter = EVERYTHING
    ) -> tuple[list[LogLine], int]:
        """Return wished lines from a position on and where to go on."""
        feed = self._asked(app)
        if not feed.polled_at:
            self._poll(feed)
        with feed.lock:
            floor, here = feed.floor, feed.after(position, READ_LINES)
        if position < floor:
            older = list(islice(self._history(app, position, floor), READ_LINES))
            here = [*older, *here] if len(older) < READ_LINES else older
        if not here:
            return [], position
        return [line for line in here if wish.holds(line)], here[-1].position

    def end(self, app: AppName) -> int:
        """Return where the log ends, as far as it was read; it asks nobody."""
        return self._asked(app).end

    def remove(self, app: AppName) -> None:
        """Forget the app's log, and lines of now that come later."""
        with self._lock:
            feed = self._feeds.pop(app, None)
            self._removed[app] = time.time()
        if feed is None:
            self._group.delete(f"{app}/")
            return
        with feed.calling:
            with feed.lock:
                feed.pending.clear()
            self._group.delete(f"{app}/")

    def close(self) -> None:
        """Write what waits, and end."""
        self._closing.set()
        self._wake.set()
        self._thread.join(CLOSE_SECONDS)

    def _feed(self, app: AppName) -> Feed:
        with self._lock:
            if app not in self._feeds:
                self._feeds[app] = Feed(app)
            return self._feeds[app]

    def _asked(self, app: AppName) -> Feed:
        feed, now = self._feed(app), time.monotonic()
        was_followed, feed.asked_at = now - feed.asked_at < FOLLOWED_SECONDS, now
        if not was_followed:
            self._wake.set()
        return feed

    def _run(self) -> None:
        """Read for who follows and write what waits, until closed."""
        while not self._closing.is_set():
            waits = [self._tend(feed) for feed in list(self._feeds.values())]
            self._wake.wait(min(waits, default=IDLE_SECONDS))
            self._wake.clear()
            self._closing.wait(GATHER_SECONDS)
        for feed in list(self._feeds.values()):
            with suppress(EmpireError):
                self._flush(feed)

    def _tend(self, feed: Feed) -> float:
        """Do what is due for an app; return in how many seconds something is due next."""
        now = time.monotonic()
        try:
            self._flush(feed)
            if now - feed.asked_at > FOLLOWED_SECONDS:
                self._drop_if_idle(feed, now)
                return IDLE_SECONDS
            if now - feed.polled_at >= _interval(feed, now):
                self._poll(feed)
            return _interval(feed, now)
        except EmpireError as error:
            log.warning("logs do not come through", app=feed.app, error=str(error))
            feed.polled_at = now
            return QUIET_POLL_SECONDS

    def _drop_if_idle(self, feed: Feed, now: float) -> None:
        if now - max(feed.asked_at, feed.written_at) > IDLE_SECONDS:
            with self._lock:
                self._feeds.pop(feed.app, None)

    def _flush(self, feed: Feed) -> None:
        """Write what waits. Nobody who adds to it meanwhile is held up by CloudWatch."""
        with feed.calling:
            with feed.lock:
                lines, feed.pending = feed.pending, []
            try:
                self._group.put(feed.stream, lines)
            except EmpireError:
                with feed.lock:
                    feed.pending = (lines + feed.pending)[-MOST_PENDING:]
                raise

    def _poll(self, feed: Feed) -> None:
        """Read what came since the last time, and what may have come late before it."""
        with feed.calling:
            begun, now = time.monotonic(), time.time()
            if begun - feed.polled_at < FRESH_SECONDS:
                return
            removed = self._removed.get(feed.app, 0)
            since = max(feed.polled_until - LATE_SECONDS, feed.began_at, removed)
            until, count, number = now, 0, 0
            for page in self._group.pages(f"{feed.app}/", stamp(since), stamp(now) + 1):
                with feed.lock:
                    count, number = count + feed.take(page), number + 1
                if number == PAGES_AT_ONCE and page:
                    until = page[-1].line.at + LATE_SECONDS
                    break
            feed.polled_until, feed.polled_at = until, begun
            feed.forget_seen(since)
            if count:
                feed.fruitful_at = begun

    def _newest_first(self, app: AppName, end: int, wish: LogFilter) -> Iterator[LogLine]:
        """Yield wished lines from before a millisecond, looking back in longer and longer spans."""
        floor = stamp(max(wish.since, self._removed.get(app, 0)))
        oldest = max(floor, stamp(time.time() - LONGEST_SECONDS))
        span, prefix = FIRST_SPAN_SECONDS, log_lines.prefix(app, wish)
        while end > oldest:
            begin = max(oldest, end - stamp(span))
            pages = islice(self._group.pages(prefix, begin, end), PAGES_AT_ONCE)
            lines = [one.line for page in pages for one in page if wish.holds(one.line)]
            yield from reversed(_placed(lines))
            end, span = begin, span * SPAN_FACTOR

    def _history(self, app: AppName, position: int, end: int) -> Iterator[LogLine]:
        """Yield the lines between two positions that are not in memory any more, by time."""
        begin = max(position // STEP, stamp(self._removed.get(app, 0)))
        for page in self._group.pages(f"{app}/", begin, end // STEP):
            for line in _placed([one.line for one in page]):
                if line.position > position:
                    yield line


def _interval(feed: Feed, now: float) -> float:
    is_quiet = now - max(feed.fruitful_at, feed.created_at) > QUIET_SECONDS
    return QUIET_POLL_SECONDS if is_quiet else POLL_SECONDS


def _placed(lines: list[LogLine]) -> list[LogLine]:
    """Return lines in the order of their times with the positions that they have by them."""
    placed: list[LogLine] = []
    last = 0
    for line in sorted(lines, key=lambda line: line.at):
        last = max(last + 1, position_of(line.at))
        placed.append(LogLine(line.at, line.source, line.dyno, line.text, last))
    return placed


def _by_time(found: list[LogLine]) -> list[LogLine]:
    """Return lines, newest first, by their times, and with positions that grow along them."""
    positions = sorted(line.position for line in found)
    found.reverse()
    ordered = sorted(found, key=lambda line: line.at)
    return [
        LogLine(line.at, line.source, line.dyno, line.text, place)
        for line, place in zip(ordered, positions, strict=True)
    ]
