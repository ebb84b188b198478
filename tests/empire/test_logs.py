"""What of a log is wished."""

import time

import pytest

from empire import logs
from empire.errors import InvalidInput
from empire.logs import LogFilter
from empire.manifest import LogLine

LINE = LogLine(1_700_000_000, "app", "web.1", "one\ntwo")


@pytest.mark.parametrize(
    ("wish", "holds"),
    [
        (LogFilter(), True),
        (LogFilter(dyno="web.1"), True),
        (LogFilter(dyno="web"), True),
        (LogFilter(dyno="web.2"), False),
        (LogFilter(source="app"), True),
        (LogFilter(source="heroku"), False),
        (LogFilter(since=1_700_000_000), True),
        (LogFilter(since=1_700_000_001), False),
        (LogFilter(grep="two"), True),
        (LogFilter(grep="Two"), False),
    ],
)
def test_filters(wish: LogFilter, holds: bool) -> None:
    assert wish.holds(LINE) == holds


def test_builds_come_only_when_they_are_named() -> None:
    line = LogLine(1, "build", "", "")
    wishes = [LogFilter(), LogFilter(source="build"), LogFilter(source="heroku")]
    assert [wish.holds(line) for wish in wishes] == [False, True, True]


def test_lines_as_they_are_told() -> None:
    assert logs.told(LINE) == "2023-11-14T22:13:20.000000+00:00 app[web.1]: one two"
    release = LogLine(0.5, "release", "", "")
    assert logs.told(release) == "1970-01-01T00:00:00.500000+00:00 heroku[release]: "


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("10m", 600), (" 2 h ", 7200), ("1d", 86400), ("1w", 604800)],
)
def test_how_long_ago(text: str, seconds: float) -> None:
    assert logs.since(text) == pytest.approx(time.time() - seconds, abs=5)


def test_a_time() -> None:
    expected = [1_700_000_000] * 3
    texts = ("2023-11-14T22:13:20Z", "2023-11-14T23:13:20+01:00", "2023-11-14 22:13:20")
    assert [logs.since(text) for text in texts] == expected
    assert logs.since("") == 0


@pytest.mark.parametrize("text", ["yesterday", "10", "-5m", "9" * 30 + "d", "1" * 5000 + "s"])
def test_no_time(text: str) -> None:
    with pytest.raises(InvalidInput):
        logs.since(text)


def test_sources() -> None:
    assert [logs.source(name) for name in ("", "app", "heroku")] == ["", "app", "heroku"]
    with pytest.raises(InvalidInput):
        logs.source("printer")
