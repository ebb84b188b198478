import pytest

from deployer.waiting import Waiting
from empire.deployments import Step
from empire.events import Line as Told
from tests.line import Line


def test_who_waits_hears_of_each_step_of_the_one_ahead(line: Line) -> None:
    line.make("hello")
    first, second, third = (
        line.push("hello"),
        line.config("hello", A="1"),
        line.config("hello", A="2"),
    )
    assert second
    assert third
    waiting = Waiting(line.store)
    waiting.tell()
    waiting.tell()
    assert _said(line, second.id) == [f"Waiting for deployment {first.number} by"]

    with line.store.writing() as session:
        row = line.row(first)
        row.step = Step.BUILT
        session.add(row)
    waiting.tell()
    waiting.tell()

    assert _said(line, second.id)[1:] == [f"Still waiting: deployment {first.number} by"]
    [told] = _told(line, third.id)[2:]
    assert "(built, " in told
    assert told.endswith(", then 1 more")


def test_a_long_wait_is_told_again(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    line.make("hello")
    line.push("hello")
    second = line.config("hello", A="1")
    assert second
    waiting = Waiting(line.store)
    waiting.tell()
    monkeypatch.setattr("deployer.waiting.REPEAT_SECONDS", 0.0)
    waiting.tell()

    assert len(_told(line, second.id)) == 2


def _told(line: Line, journal: str) -> list[str]:
    events, _ = line.store.journals.read(journal)
    return [event.text for event in events if isinstance(event, Told)]


def _said(line: Line, journal: str) -> list[str]:
    return [text.partition(" ann@")[0] for text in _told(line, journal)]
