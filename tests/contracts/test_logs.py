"""What every log does, whatever stores it."""

from collections.abc import Iterator

from empire.manifest import Dyno, LogLine
from empire.names import AppName
from tests.contracts.labs import Lab, manifest
from tests.fakes import never
from tests.streams import result, wait_until

APP = AppName("sample")


def running(lab: Lab, deployment: int = 1, web: int = 1) -> list[Dyno]:
    result(lab.scheduler.start(manifest(lab, deployment, web=web), never))
    return [dyno for dyno in lab.scheduler.dynos(APP) if dyno.deployment == deployment]


def said(lines: list[LogLine]) -> list[tuple[str, str]]:
    return [(line.dyno, line.text) for line in lines if "obedient" not in line.text]


def next_said(lines: Iterator[LogLine | None]) -> LogLine:
    return next(line for line in lines if line and "obedient" not in line.text)


def test_no_dynos_no_lines(lab: Lab) -> None:
    assert lab.logs.recent(APP) == []
    assert next(iter(lab.logs.follow(APP))) is None


def test_recent_merges_the_dynos_by_time(lab: Lab) -> None:
    one, two = running(lab, web=2)
    for dyno, text in ((one, "first"), (two, "second"), (one, "third")):
        lab.say(dyno, text)

    wait_until(lambda: len(said(lab.logs.recent(APP))) == 3)

    lines = lab.logs.recent(APP)
    assert said(lines) == [("web.1", "first"), ("web.2", "second"), ("web.1", "third")]
    assert [line.at for line in lines] == sorted(line.at for line in lines)
    assert {line.source for line in lines} == {"app"}
    assert said(lab.logs.recent(APP, lines=2)) == [("web.2", "second"), ("web.1", "third")]
    assert lab.logs.recent(APP, lines=0) == []


def test_follow_yields_the_last_lines_and_then_new_ones(lab: Lab) -> None:
    (dyno,) = running(lab)
    for text in ("old", "new"):
        lab.say(dyno, text)
    wait_until(lambda: len(said(lab.logs.recent(APP))) == 2)

    lines = lab.logs.follow(APP, lines=1)
    first = next_said(lines)
    lab.say(dyno, "newer")
    second = next_said(lines)

    assert (first.text, second.text) == ("new", "newer")
    lines.close()  # type: ignore[attr-defined]


def test_follow_is_told_of_dynos_that_start_later(lab: Lab) -> None:
    lines = lab.logs.follow(APP, lines=0)
    assert next(lines) is None

    (dyno,) = running(lab)
    lab.say(dyno, "hello")

    assert next_said(lines).text == "hello"
    lines.close()  # type: ignore[attr-defined]
