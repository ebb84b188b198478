"""Just enough of the protobuf wire format to read BuildKit's progress and answer its requests."""

from collections.abc import Iterator
from dataclasses import dataclass, field

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


@dataclass(slots=True)
class Message:
    """The fields of one message by their number, each with all its values."""

    fields: dict[int, list[int | bytes]] = field(default_factory=dict)

    @classmethod
    def of(cls, content: bytes) -> "Message":
        """Read the message; raises ValueError for what is none."""
        message = cls()
        for number, value in _fields(content):
            message.fields.setdefault(number, []).append(value)
        return message

    def text(self, number: int) -> str:
        """Return the field as text, empty when it is not set."""
        return self.bytes(number).decode("utf-8", "replace")

    def bytes(self, number: int) -> bytes:
        """Return the field's bytes, empty when it is not set."""
        value = self.fields.get(number, [b""])[-1]
        return value if isinstance(value, bytes) else b""

    def number(self, number: int) -> int:
        """Return the field's integer, 0 when it is not set."""
        value = self.fields.get(number, [0])[-1]
        return value if isinstance(value, int) else 0

    def is_set(self, number: int) -> bool:
        """Tell whether the field has a value other than zero."""
        return any(self.fields.get(number, []))

    def messages(self, number: int) -> "list[Message]":
        """Return the field's messages, in order."""
        values = self.fields.get(number, [])
        return [Message.of(value) for value in values if isinstance(value, bytes)]


def bytes_field(number: int, content: bytes) -> bytes:
    """Return an encoded field of bytes, text or a message."""
    return _varint(number << 3 | BYTES) + _varint(len(content)) + content


def varint_field(number: int, value: int) -> bytes:
    """Return an encoded field of an integer."""
    return _varint(number << 3 | VARINT) + _varint(value)


def _fields(content: bytes) -> Iterator[tuple[int, int | bytes]]:
    at = 0
    while at < len(content):
        tag, at = _read_varint(content, at)
        kind = tag & 7
        if kind == VARINT:
            value, at = _read_varint(content, at)
            yield tag >> 3, value
            continue
        if kind == BYTES:
            size, at = _read_varint(content, at)
        elif kind in (FIXED64, FIXED32):
            size = 8 if kind == FIXED64 else 4
        else:
            raise ValueError(f"wire type {kind}")
        if at + size > len(content):
            raise ValueError("cut off")
        yield tag >> 3, content[at : at + size]
        at += size


def _read_varint(content: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(content):
            break
        byte = content[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError("cut off")


def _varint(value: int) -> bytes:
    if value < 0x80:
        return value.to_bytes()
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
