"""Lines on disk come back as they were, whatever bytes they have."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployer.local.records import Record, decoded, needle, of_line, seconds, stamp
from empire.logs import LogFilter
from empire.manifest import LogLine

AT = b"2026-01-02T03:04:05.000000006Z"
WORDS = st.sampled_from([b"web.1", b"worker.12", b""])


@given(dyno=WORDS, origin=WORDS, text=st.binary())
def test_any_bytes_come_back(dyno: bytes, origin: bytes, text: bytes) -> None:
    stored = Record(AT, b"app", dyno, origin, text).encoded()

    assert stored.count(b"\n") == 1
    assert decoded(stored[:-1]) == Record(AT, b"app", dyno or b"-", origin or b"-", text)


@given(
    before=st.text(alphabet="\\n\nab", max_size=5),
    wished=st.text(alphabet="\\n\nab", min_size=1, max_size=5),
    after=st.text(alphabet="\\n\nab", max_size=5),
)
def test_what_is_searched_is_in_the_stored_line(before: str, wished: str, after: str) -> None:
    line = LogLine(0, "app", "web.1", before + wished + after)

    assert needle(LogFilter(grep=wished)) in of_line(line).encoded()


@given(at=st.integers(0, 4_000_000_000), text=st.text())
def test_a_line_of_the_platform_comes_back(at: int, text: str) -> None:
    line = LogLine(at, "release", "", text.removesuffix("\r"))
    found = decoded(of_line(line).encoded()[:-1])

    assert found
    assert found.line(0).text == line.text.encode("utf-8", "replace").decode().removesuffix("\r")
    assert (found.line(0).at, found.line(0).source, found.line(0).dyno) == (at, "release", "")


@pytest.mark.parametrize("stored", [b"", b"half a record", b"not a time - - - text", b"\xff" * 50])
def test_what_is_no_record(stored: bytes) -> None:
    assert decoded(stored) is None


def test_bytes_that_are_no_text_are_replaced_when_they_are_shown() -> None:
    assert Record(AT, b"app", b"web.1", b"", b"caf\xe9\r").line(0).text == (
        "caf\N{REPLACEMENT CHARACTER}"
    )


def test_stamps() -> None:
    assert stamp(seconds(AT)) == b"2026-01-02T03:04:05.000000000Z"
    assert seconds(b"nonsense") == 0


@pytest.mark.parametrize(
    ("wish", "expected"),
    [
        (LogFilter(), b"\n"),
        (LogFilter(source="heroku"), b"\n"),
        (LogFilter(source="router"), b" router "),
        (LogFilter(dyno="web", source="app"), b" web"),
    ],
)
def test_needles(wish: LogFilter, expected: bytes) -> None:
    assert needle(wish) == expected
