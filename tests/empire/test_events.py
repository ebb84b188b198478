"""Events: what is written is read again, and nothing in them moves a terminal."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from empire import events
from empire.errors import Cancelled
from empire.events import Event, Failed, Line, Live, Quiet, Released, Stage, masked

text = st.text(st.characters(exclude_categories=["Cs"]))
all_events: st.SearchStrategy[Event] = st.one_of(
    st.builds(Stage, text),
    st.builds(Line, text),
    st.builds(events.Warning, text),
    st.builds(Released, st.integers()),
    st.builds(Live, st.integers(), text),
    st.builds(Failed, text, text, text, text),
)


@given(all_events)
def test_an_event_comes_back_as_it_was_written(event: Event) -> None:
    line = events.encode(event)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert events.decode(line) == event


@given(st.text(st.sampled_from("\ud800\udbff\udc80\udfffa")))
def test_what_is_no_unicode_text_does_not_break_a_line(broken: str) -> None:
    event = events.decode(events.encode(Line(broken)))
    assert isinstance(event, Line)
    assert event.text.encode().decode() == event.text
    assert event.text.count("a") == broken.count("a")


@pytest.mark.parametrize(
    "line", [b"", b"{", b"5", b"null", b"[]", b"{}", b'{"event": "Line"}', b'{"event": []}', b'{"event": "Quiet"}', b'{"event": "Line", "text": "a", "x": 1}']
)  # fmt: skip
def test_what_is_no_event_is_refused(line: bytes) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        events.decode(line)


@given(st.binary())
def test_any_line_is_an_event_or_refused(line: bytes) -> None:
    try:
        events.decode(line)
    except ValueError:
        return
    raise AssertionError("random bytes are no event")


@given(
    st.lists(st.one_of(st.text(), st.sampled_from("\x1b[]mP\\\x07\x9b\r\b\t\n;31"))).map("".join)
)
def test_masked_text_has_no_control_but_tabs_and_newlines(raw: str) -> None:
    clean = masked(raw)
    assert {c for c in clean if unicodedata.category(c) == "Cc"} <= {"\t", "\n"}
    assert masked(clean) == clean


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;http://x\x1b\\link", "link"),
        ("one\rtwo\b\tthree\n", "onetwo\tthree\n"),
        ("\x1bcreset", "reset"),
        ("naïve 日本", "naïve 日本"),
    ],
)
def test_terminal_sequences_vanish(raw: str, clean: str) -> None:
    assert masked(raw) == clean


def test_events_read_as_lines_of_a_terminal() -> None:
    shown = [
        Stage("Building"), Line("output"), events.Warning("careful"), Released(3),
        Live(3, "http://a"), Live(3, ""), Quiet(),
    ]  # fmt: skip
    assert [str(event) for event in shown] == [
        "-----> Building", "       output", " !     careful", "-----> Released v3",
        "-----> v3 is live at http://a", "-----> v3 is live", "",
    ]  # fmt: skip
    failed = Failed.of(Cancelled("It ended.", why="one\n\ntwo", fix="Again."))
    assert str(failed) == " !     It ended.\n !     one\n !\n !     two\n !     Again."
    assert failed.code == "cancelled"


def test_a_story_ends_live_or_failed() -> None:
    assert [events.is_last(event) for event in (Live(1, ""), Failed("a", "b"), Line("c"))] == [
        True, True, False,
    ]  # fmt: skip
