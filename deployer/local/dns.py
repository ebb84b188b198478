"""The DNS wire format, as far as Caddy asks: SRV for a route, A and AAAA for a target's name.

A name asked for with SRV is GENERATION.HOSTNAME. Caddy keeps an answer for a while; a new
generation is a new name, so the next request already asks again. Targets have names made from
their address, because SRV records cannot hold addresses.
"""

import random
import re
import socket
import struct
from collections.abc import Callable, Sequence

A, TXT, AAAA, SRV = 1, 16, 28, 33
ANSWER_MAX_BYTES = 1232
"""What Go's resolver reads of a UDP answer."""

Addresses = Sequence[tuple[str, int]]
HEADER = struct.Struct("!6H")
ZONE = "internal"
STATUS = f"status.{ZONE}"
"""A TXT question for this name is answered with the responder's own state."""

IPV4_NAME = re.compile(rf"ip-(\d+-\d+-\d+-\d+)\.{ZONE}")
IPV6_NAME = re.compile(rf"ip6-([0-9a-f]{{32}})\.{ZONE}")


def target_name(host: str) -> str:
    """Return the name that stands for an IP address."""
    if ":" in host:
        return f"ip6-{socket.inet_pton(socket.AF_INET6, host).hex()}.{ZONE}"
    socket.inet_pton(socket.AF_INET, host)
    return f"ip-{host.replace('.', '-')}.{ZONE}"


def answer(query: bytes, find: Callable[[str], Addresses], status: Callable[[], str]) -> bytes:
    """Return the answer to a query; an unknown name has an empty one. Raises on a malformed query."""
    identity, _, _, _, _, _ = HEADER.unpack_from(query)
    name, end = _read_name(query, HEADER.size)
    (kind,) = struct.unpack_from("!H", query, end)
    question_bytes = query[HEADER.size : end + 4]
    room = ANSWER_MAX_BYTES - HEADER.size - len(question_bytes)
    records = _that_fit(_records(name, kind, find, status), room)
    header = HEADER.pack(identity, 0x8580, 1, len(records), 0, 0)
    return header + question_bytes + b"".join(records)


def question(name: str, kind: int, identity: int = 1) -> bytes:
    """Return a query for one name."""
    return (
        HEADER.pack(identity, 0x0100, 1, 0, 0, 0) + _write_name(name) + struct.pack("!HH", kind, 1)
    )


def read_text(reply: bytes) -> str:
    """Return the text of an answer that holds one TXT record."""
    _, end = _read_name(reply, HEADER.size)
    text = end + 4 + 12
    return reply[text + 1 : text + 1 + reply[text]].decode()


def _records(
    name: str, kind: int, find: Callable[[str], Addresses], status: Callable[[], str]
) -> list[bytes]:
    if kind == SRV:
        found = find(name.partition(".")[2])
        return [_record(SRV, _service(host, port)) for host, port in found]
    if kind == A and (match := IPV4_NAME.fullmatch(name)):
        return [_record(A, socket.inet_aton(match[1].replace("-", ".")))]
    if kind == AAAA and (match := IPV6_NAME.fullmatch(name)):
        return [_record(AAAA, bytes.fromhex(match[1]))]
    if kind == TXT and name == STATUS:
        text = status().encode()
        return [_record(TXT, bytes([len(text)]) + text)]
    return []


def _that_fit(records: list[bytes], room: int) -> list[bytes]:
    """Return the records, or as many as there is room for, others each time."""
    if sum(map(len, records)) <= room:
        return records
    return random.sample(records, room // max(map(len, records)))


def _service(host: str, port: int) -> bytes:
    return struct.pack("!HHH", 0, 0, port) + _write_name(target_name(host))


def _record(kind: int, content: bytes) -> bytes:
    points_to_question = 0xC000 | HEADER.size
    return struct.pack("!HHHIH", points_to_question, kind, 1, 0, len(content)) + content


def _write_name(name: str) -> bytes:
    labels = [label.encode() for label in name.split(".")]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def _read_name(packet: bytes, offset: int) -> tuple[str, int]:
    labels = []
    while length := packet[offset]:
        labels.append(packet[offset + 1 : offset + 1 + length].decode("ascii"))
        offset += 1 + length
    return ".".join(labels).lower(), offset + 1
