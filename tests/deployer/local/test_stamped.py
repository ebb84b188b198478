"""Frames of the engine's log become lines."""

from deployer.local.stamped import LONGEST_LINE, joined

AT = b"2026-01-02T03:04:05.000000006Z "


def texts(*frames: bytes) -> list[str]:
    return [one.text for one in joined(AT + frame for frame in frames)]


def test_lines() -> None:
    assert texts(b"one\n", b"two\r\n", b"\n") == ["one", "two", ""]


def test_a_long_line_comes_in_pieces() -> None:
    assert texts(b"a" * 16384, b"b\n", b"next\n") == ["a" * 16384 + "b", "next"]


def test_a_line_without_end() -> None:
    assert texts(b"done\n", b"almost") == ["done", "almost"]


def test_an_endless_line_is_cut() -> None:
    pieces = [b"x" * 16384] * 5
    assert [len(text) for text in texts(*pieces)] == [LONGEST_LINE, 16384]


def test_bytes_that_are_no_text() -> None:
    assert texts(b"caf\xe9 \xff\n") == ["caf\N{REPLACEMENT CHARACTER} \N{REPLACEMENT CHARACTER}"]


def test_time() -> None:
    (line,) = joined([AT + b"one\n"])
    assert line.at == 1767323045.0
    assert line.line("web.1").dyno == "web.1"
