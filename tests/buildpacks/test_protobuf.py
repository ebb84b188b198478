"""The wire format, there and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buildpacks import protobuf
from buildpacks.protobuf import Message

NUMBERS = st.integers(1, 1 << 20)


@given(NUMBERS, st.binary())
def test_bytes_come_back(number: int, content: bytes) -> None:
    message = Message.of(protobuf.bytes_field(number, content))
    assert message.bytes(number) == content
    assert message.is_set(number) == bool(content)


@given(NUMBERS, st.integers(0, (1 << 64) - 1))
def test_integers_come_back(number: int, value: int) -> None:
    message = Message.of(protobuf.varint_field(number, value))
    assert message.fields == {number: [value]}
    assert message.bytes(number) == b""


def test_messages_nest_and_fixed_fields_are_skipped() -> None:
    inner = protobuf.bytes_field(1, "ü".encode())
    outer = protobuf.bytes_field(2, inner) * 2 + b"\x19" + bytes(8) + b"\x25" + bytes(4)
    assert [m.text(1) for m in Message.of(outer).messages(2)] == ["ü", "ü"]


@pytest.mark.parametrize("content", [b"\x0a\x05ab", b"\x80", b"\x0b", b"\x09\x01", b"\xff" * 12])
def test_damaged_messages_are_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"cut off|wire type"):
        Message.of(content)


@given(st.binary())
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    try:
        Message.of(content)
    except ValueError:
        return
