"""Journals: appended by one, read by many, torn by nobody."""

import threading
from pathlib import Path

import pytest

from empire.events import Event, Line, Live, Quiet, Stage
from empire.journal import Journals
from tests.waiting import PATIENCE_SECONDS

ID = "d1"


@pytest.fixture
def journals(tmp_path: Path) -> Journals:
    return Journals(tmp_path / "journals")


def test_nothing_is_read_before_anything_is_written(journals: Journals) -> None:
    assert journals.read(ID) == ([], 0)
    journals.remove(ID)


def test_a_reader_goes_on_from_its_offset(journals: Journals) -> None:
    journals.append(ID, Stage("one"))
    first, offset = journals.read(ID)
    journals.append(ID, Line("two"))
    assert (first, journals.read(ID, offset)[0]) == ([Stage("one")], [Line("two")])
    assert list(journals.read(ID)[0]) == [Stage("one"), Line("two")]
    journals.remove(ID)
    assert journals.read(ID) == ([], 0)


@pytest.mark.parametrize("torn", [b'{"event": "Li', b'{"event": "Line", "text": "x"}', b"7"])
def test_a_torn_last_line_swallows_nothing(journals: Journals, torn: bytes) -> None:
    journals.append(ID, Line("whole"))
    with journals.path(ID).open("ab") as file:
        file.write(torn)
    assert journals.read(ID)[0] == [Line("whole")]
    journals.append(ID, Line("next"))
    found, _ = journals.read(ID)
    assert [event for event in found if event != Line("x")] == [Line("whole"), Line("next")]


def test_the_file_is_its_owners_alone(journals: Journals) -> None:
    journals.append(ID, Line("x"))
    assert journals.path(ID).stat().st_mode & 0o777 == 0o600


def test_a_follower_sees_what_was_and_what_comes_until_the_end(journals: Journals) -> None:
    journals.append(ID, Stage("was"))
    seen: list[Event] = []

    def follow() -> None:
        for event in journals.follow(ID):
            seen.append(event)
            if event == Stage("was"):
                began.set()

    began = threading.Event()
    threads = [threading.Thread(target=follow) for _ in range(2)]
    for thread in threads:
        thread.start()
    assert began.wait(PATIENCE_SECONDS)
    journals.append(ID, Line("comes"))
    journals.append(ID, Live(1, ""))
    journals.append(ID, Line("after the end"))
    for thread in threads:
        thread.join(PATIENCE_SECONDS)
    story: list[Event] = [Stage("was"), Line("comes"), Live(1, "")]
    assert sorted(map(str, seen)) == sorted(map(str, story * 2))
    assert journals._conditions == {}


def test_a_follower_in_another_process_sees_new_lines(journals: Journals, tmp_path: Path) -> None:
    elsewhere = Journals(tmp_path / "journals")
    follower = journals.follow(ID, quiet_seconds=0.01)
    assert next(follower) == Quiet()
    elsewhere.append(ID, Line("from there"))
    assert next(event for event in follower if event != Quiet()) == Line("from there")
    follower.close()  # type: ignore[attr-defined]
    assert journals._readers == {}


def test_quiet_comes_again_and_again(journals: Journals) -> None:
    follower = journals.follow(ID, quiet_seconds=0.01)
    assert [next(follower), next(follower)] == [Quiet(), Quiet()]
    follower.close()  # type: ignore[attr-defined]


def test_writers_at_once_keep_their_lines_whole(journals: Journals) -> None:
    def write(name: int) -> None:
        for number in range(50):
            journals.append(ID, Line(f"{name} {number}"))

    threads = [threading.Thread(target=write, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_SECONDS)
    found, _ = journals.read(ID)
    for name in range(4):
        mine = [str(event).strip() for event in found if str(event).strip().startswith(f"{name} ")]
        assert mine == [f"{name} {number}" for number in range(50)]
