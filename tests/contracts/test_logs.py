"""What every log does, whatever stores it."""

import time

import pytest

from empire.logs import LogFilter
from empire.manifest import Dyno, LogLine
from empire.names import AppName
from tests.contracts.labs import Lab, manifest
from tests.fakes import never
from tests.streams import result
from tests.waiting import wait_until

APP = AppName("sample")
DYNOS = LogFilter(source="app")


def running(lab: Lab, deployment: int = 1, web: int = 1) -> list[Dyno]:
    result(lab.scheduler.start(manifest(lab, deployment, web=web), never))
    return [dyno for dyno in lab.scheduler.dynos(APP) if dyno.deployment == deployment]


def said(lines: list[LogLine]) -> list[tuple[str, str]]:
    return [(line.dyno, line.text) for line in lines if "obedient" not in line.text]


def recent(lab: Lab, lines: int = 100, wish: LogFilter = DYNOS) -> list[LogLine]:
    return lab.logs.recent(APP, lines, wish)[0]


def written(lab: Lab, *sources: str) -> list[LogLine]:
    """Let the platform write a line for each source, and return the lines."""
    at = round(time.time(), 3) - len(sources)
    lines = [LogLine(at + n, source, "", f"line {n}") for n, source in enumerate(sources)]
    lab.logs.write(APP, lines)
    return lines


def test_no_dynos_no_lines(lab: Lab) -> None:
    assert lab.logs.recent(APP) == ([], lab.logs.end(APP))
    assert lab.logs.read(APP, 0) == ([], 0)


def test_recent_merges_the_dynos_by_time(lab: Lab) -> None:
    one, two = running(lab, web=2)
    for dyno, text in ((one, "first"), (two, "second"), (one, "third")):
        lab.say(dyno, text)

    wait_until(lambda: len(said(recent(lab))) == 3)

    lines = recent(lab)
    assert said(lines) == [("web.1", "first"), ("web.2", "second"), ("web.1", "third")]
    assert [line.at for line in lines] == sorted(line.at for line in lines)
    assert said(recent(lab, 2)) == [("web.2", "second"), ("web.1", "third")]
    assert recent(lab, 0) == []


def test_reading_goes_on_where_recent_ended(lab: Lab) -> None:
    (dyno,) = running(lab)
    for text in ("old", "new"):
        lab.say(dyno, text)
    wait_until(lambda: len(said(recent(lab))) == 2)

    last, position = lab.logs.recent(APP, 1, DYNOS)
    assert said(last) == [("web.1", "new")]
    lab.say(dyno, "newer")
    wait_until(lambda: lab.logs.end(APP) > position)

    found, after = lab.logs.read(APP, position, DYNOS)
    assert said(found) == [("web.1", "newer")]
    assert found[-1].position == after
    assert lab.logs.read(APP, after, DYNOS) == ([], after)


@pytest.mark.parametrize(
    ("wish", "numbers"),
    [
        (LogFilter(), "13"),
        (LogFilter(source="build"), "02"),
        (LogFilter(source="heroku"), "023"),
        (LogFilter(source="app"), "1"),
        (LogFilter(grep="ine 3"), "3"),
        (LogFilter(grep="line", source="router"), "3"),
        (LogFilter(grep="LINE"), ""),
        (LogFilter(dyno="web"), ""),
    ],
)
def test_a_part_can_be_wished(lab: Lab, wish: LogFilter, numbers: str) -> None:
    written(lab, "build", "app", "build", "router")

    assert "".join(line.text[-1] for line in recent(lab, wish=wish)) == numbers
    assert "".join(line.text[-1] for line in lab.logs.read(APP, 0, wish)[0]) == numbers


def test_since(lab: Lab) -> None:
    lines = written(lab, "build", "build", "build")

    found = recent(lab, wish=LogFilter(source="build", since=lines[1].at))

    assert [line.text for line in found] == ["line 1", "line 2"]


def test_remove(lab: Lab) -> None:
    written(lab, "build")
    lab.logs.remove(APP)

    assert recent(lab, wish=LogFilter()) == []
