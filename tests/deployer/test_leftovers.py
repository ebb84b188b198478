"""One-offs that nobody else would end."""

from dataclasses import replace

import pytest

from deployer import leftovers
from deployer.leftovers import Leftovers
from empire.errors import Unavailable
from empire.formation import SIZES
from empire.manifest import OneOff
from empire.names import AppName
from tests.fakes import image_ref
from tests.line import Line
from tests.waiting import wait_until

HELLO = AppName("hello")
RUN = OneOff(HELLO, "run.1", 1, image_ref("one"), "sleep 60", SIZES["1X"])


@pytest.fixture
def looking(line: Line) -> Leftovers:
    line.make("hello")
    return Leftovers(line.store, line.outside.platform)


def names(line: Line) -> list[str]:
    return [run.dyno.name for run in line.outside.one_offs.runs()]


def begin(line: Line, one_off: OneOff) -> None:
    line.outside.one_offs.create(one_off)
    if one_off.is_attached:
        line.outside.one_offs.attach(one_off.app, one_off.name)
    else:
        line.outside.one_offs.start(one_off.app, one_off.name)


def test_what_runs_in_its_time_goes_on(line: Line, looking: Leftovers) -> None:
    begin(line, RUN)
    begin(line, replace(RUN, name="run.2", is_attached=True))

    looking.look()

    assert names(line) == ["run.1", "run.2"]
    line.outside.one_offs.remove(HELLO)


def test_one_that_ended_by_itself_is_removed(line: Line, looking: Leftovers) -> None:
    begin(line, replace(RUN, command="true"))
    wait_until(lambda: bool(line.outside.one_offs.runs()[0].ended_at))

    looking.look()

    assert names(line) == []


def test_who_is_attached_may_still_ask_how_it_ended(
    line: Line, looking: Leftovers, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(line, replace(RUN, command="true", is_attached=True))
    wait_until(lambda: bool(line.outside.one_offs.runs()[0].ended_at))
    looking.look()
    assert names(line) == ["run.1"]

    monkeypatch.setattr(leftovers, "READ_SECONDS", -1)
    looking.look()

    assert names(line) == []


def test_time_runs_out(line: Line, looking: Leftovers) -> None:
    begin(line, replace(RUN, seconds=-1))

    looking.look()

    assert names(line) == []


def test_what_nobody_starts_is_removed(
    line: Line, looking: Leftovers, monkeypatch: pytest.MonkeyPatch
) -> None:
    line.outside.one_offs.create(RUN)
    looking.look()
    assert names(line) == ["run.1"]

    monkeypatch.setattr(leftovers, "START_SECONDS", -1)
    looking.look()

    assert names(line) == []


def test_apps_and_deployments_that_are_gone_leave_none(line: Line, looking: Leftovers) -> None:
    settled = line.shipped("hello")
    begin(line, replace(RUN, app=AppName("other")))
    begin(line, replace(RUN, name=f"release.{settled.number}"))
    begin(line, replace(RUN, name="release.999"))
    waiting = line.push("hello", "b")
    begin(line, replace(RUN, name=f"release.{waiting.number}"))

    looking.look()

    assert names(line) == [f"release.{waiting.number}"]
    line.outside.one_offs.remove(HELLO)


def test_at_the_start_nobody_is_attached_and_later_ends_are_seen(
    line: Line, looking: Leftovers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leftovers, "LOOK_SECONDS", 0.01)
    begin(line, replace(RUN, is_attached=True))
    begin(line, replace(RUN, name="run.2", command="true"))
    line.outside.one_offs.fail("remove", Unavailable("The engine is away."))
    with pytest.raises(Unavailable):
        looking.start()
    looking.start()
    try:
        wait_until(lambda: names(line) == [])
    finally:
        looking.stop()
