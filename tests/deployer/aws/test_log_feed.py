"""The newest lines of an app in memory."""

import time

from deployer.aws import log_feed, log_lines
from deployer.aws.log_feed import Feed, position_of
from deployer.aws.log_lines import Found
from empire.logs import LogFilter
from empire.manifest import LogLine


def line(at: float, text: str = "text") -> LogLine:
    return LogLine(at, "app", "web.1", text)


def found(id_: str, at: float, stream: str = "shop/web/1") -> Found:
    return Found(id_, stream, line(at, id_))


def texts(lines: list[LogLine]) -> list[str]:
    return [one.text for one in lines]


def test_positions_grow_in_the_order_in_which_lines_come() -> None:
    feed, now = Feed("shop"), time.time()

    assert feed.take([found("a", now), found("b", now), found("late", now - 5)]) == 3

    lines = feed.after(0, 10)
    assert texts(lines) == ["a", "b", "late"]
    assert [one.position for one in lines] == [position_of(now) + n for n in range(3)]
    assert feed.end == lines[-1].position
    assert texts(feed.after(lines[0].position, 1)) == ["b"]


def test_a_line_is_taken_once_and_ours_is_there_already() -> None:
    feed, now = Feed("shop"), time.time()
    feed.write([line(now, "ours")])

    feed.take([found("a", now), found("back", now, feed.stream)])
    assert feed.take([found("a", now), found("b", now)]) == 1

    assert texts(feed.after(0, 10)) == ["ours", "a", "b"]
    assert texts(feed.pending) == ["ours"]
    feed.forget_seen(now + 1)
    assert feed.take([found("a", now)]) == 1


def test_the_oldest_lines_leave_the_memory() -> None:
    feed, now = Feed("shop"), time.time()
    floor = feed.floor

    feed.write(line(now + n, str(n)) for n in range(log_feed.MOST_LINES + 2))

    assert len(feed.after(0, 1 << 20)) == log_feed.MOST_LINES
    assert feed.floor == position_of(now + 1) > floor


def row(stream: str, message: str) -> dict[str, object]:
    return {
        "eventId": "1",
        "logStreamName": stream,
        "timestamp": 1_700_000_000_123,
        "message": message,
    }


def names(_app: str, _process: str, task: str) -> str:
    return "web.2" if task == "known" else ""


def test_events_are_lines() -> None:
    def of(stream: str, message: str) -> LogLine | None:
        one = log_lines.found(row(stream, message), names)
        return one.line if one else None

    at = 1_700_000_000.123
    assert of("shop/web/known", "hi\r\n") == LogLine(at, "app", "web.2", "hi")
    assert of("shop/web/0123456789", "hi") == LogLine(at, "app", "web.01234", "hi")
    assert of("shop/_empire/1", "build - a b") == LogLine(at, "build", "", "a b")
    assert of("shop/_empire/1", "platform api a") == LogLine(at, "platform", "api", "a")
    assert of("elsewhere", "hi") is None
    assert of("shop/run/1", "last[empire 0123456789ab: exited with 3]") == LogLine(
        at, "app", "run.1", "last"
    )
    assert of("shop/run/1", "[empire 0123456789ab: exited with 3]") is None


def test_lines_are_events() -> None:
    assert log_lines.event(LogLine(1.5, "build", "", "a b")) == {
        "timestamp": 1500,
        "message": "build - a b",
    }
    assert len(log_lines.event(line(1, "ä" * 400_000))["message"].encode()) <= log_lines.MOST_BYTES


def test_only_streams_are_read_that_may_hold_what_is_wished() -> None:
    wishes = {
        LogFilter(): "shop/",
        LogFilter(dyno="web.1"): "shop/",
        LogFilter(dyno="web.1", source="app"): "shop/web/",
        LogFilter(source="app"): "shop/",
        LogFilter(source="build"): "shop/_empire/",
    }
    assert {wish: log_lines.prefix("shop", wish) for wish in wishes} == wishes
