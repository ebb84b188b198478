"""Bytes of the engine's log stream become lines, wherever they are cut."""

from hypothesis import given
from hypothesis import strategies as st

from deployer.local.frames import LONGEST_LINE, Found, Frames

AT = [f"2026-01-02T03:04:0{n}.000000006Z".encode() for n in range(10)]
OUT, ERR = 1, 2


def frame(text: bytes, at: int = 0, kind: int = OUT) -> bytes:
    payload = AT[at] + b" " + text
    return bytes([kind, 0, 0, 0]) + len(payload).to_bytes(4, "big") + payload


def fed(*frames: bytes) -> Found:
    return Frames().feed(b"".join(frames))


def test_lines() -> None:
    assert fed(frame(b"one\n"), frame(b"two\r\n", 1), frame(b"\n", 2, ERR)) == [
        (AT[0], b"one"),
        (AT[1], b"two\r"),
        (AT[2], b""),
    ]


@given(st.lists(st.integers(1, 200), max_size=20))
def test_it_does_not_matter_how_the_bytes_come(cuts: list[int]) -> None:
    content = b"".join(frame(b"x" * n + b"\n", n % 10, 1 + n % 2) for n in range(20))
    frames, found = Frames(), Found()
    for cut in cuts:
        found += frames.feed(content[:cut])
        content = content[cut:]
    found += frames.feed(content)

    assert found == [(AT[n % 10], b"x" * n) for n in range(20)]


def test_a_long_line_comes_in_pieces_of_one_time() -> None:
    piece = b"a" * 16384
    assert fed(frame(piece), frame(b"err\n", 1, ERR), frame(b"b\n"), frame(b"next\n", 2)) == [
        (AT[1], b"err"),
        (AT[0], piece + b"b"),
        (AT[2], b"next"),
    ]


def test_a_line_without_end() -> None:
    frames = Frames()
    assert frames.feed(frame(b"almost")) == []
    assert frames.begun_at == AT[0]
    assert frames.rest() == [(AT[0], b"almost")]
    assert (frames.rest(), frames.begun_at) == ([], b"")


def test_a_line_without_end_and_then_another_start() -> None:
    assert fed(frame(b"almost"), frame(b"again\n", 1)) == [(AT[0], b"almost"), (AT[1], b"again")]


def test_an_endless_line_is_cut() -> None:
    piece = b"x" * 16384
    found = fed(*[frame(piece)] * (LONGEST_LINE // len(piece) + 1), frame(b"\n"))
    assert [len(text) for _, text in found] == [LONGEST_LINE, len(piece)]
