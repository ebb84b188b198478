"""The agent's side of a Systems Manager data channel, as bytes and words; no socket here.

A message is 120 bytes of header and a payload: header length, type, version, time, sequence, flags,
id (its lower half first), digest, payload type, payload length.
"""

import hashlib
import json
import struct
import time
import uuid
from dataclasses import dataclass
from typing import Any

HEADER = struct.Struct(">I32sIQqQ16s32sII")
DATA, SIZE, HANDSHAKE, ANSWER, COMPLETE, FLAG = 1, 3, 5, 6, 7, 10
TERMINATE = 2
PIECE = 1024


@dataclass(frozen=True)
class Received:
    """What a client sent."""

    kind: str
    sequence: int
    id: str
    payload_type: int
    payload: bytes

    def flag(self) -> int:
        """Return the number that a flag carries."""
        return int(struct.unpack(">I", self.payload)[0])


def read(content: bytes) -> Received:
    """Return a client's message. Raises ValueError for bytes that are none."""
    if len(content) < HEADER.size:
        raise ValueError("too short for a header")
    length, kind, _, _, sequence, _, half, digest, payload_type, size = HEADER.unpack_from(content)
    payload = content[length + 4 : length + 4 + size]
    if length != HEADER.size - 4 or len(payload) != size:
        raise ValueError("lengths that do not fit")
    if payload and hashlib.sha256(payload).digest() != digest:
        raise ValueError("a digest that does not fit")
    name = kind.decode().rstrip(" \0")
    return Received(
        name, sequence, str(uuid.UUID(bytes=half[8:] + half[:8])), payload_type, payload
    )


def output(sequence: int, payload_type: int, payload: bytes) -> bytes:
    """Return a message of the stream to the client."""
    return _message("output_stream_data", sequence, payload_type, payload)


def acknowledgement(of: Received) -> bytes:
    """Return what tells the client that its message came."""
    return _message(
        "acknowledge",
        0,
        0,
        _json(
            AcknowledgedMessageType=of.kind,
            AcknowledgedMessageId=of.id,
            AcknowledgedMessageSequenceNumber=of.sequence,
            IsSequentialMessage=True,
        ),
    )


def handshake() -> bytes:
    """Return the words that begin a session."""
    action = {
        "ActionType": "SessionType",
        "ActionParameters": {"SessionType": "InteractiveCommands", "Properties": {}},
    }
    return _json(AgentVersion="3.3.2299.0", RequestedClientActions=[action])


def complete() -> bytes:
    """Return the words that end a handshake."""
    return _json(HandshakeTimeToComplete=1_000_000, CustomerMessage="")


def closed(session: str) -> bytes:
    """Return the last message of a session."""
    words = {
        "MessageType": "channel_closed",
        "MessageId": str(uuid.uuid4()),
        "DestinationId": str(uuid.uuid4()),
        "SessionId": session,
        "SchemaVersion": 1,
        "CreatedDate": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "Output": "",
    }
    return _message("channel_closed", 0, 0, json.dumps(words).encode())


def _message(kind: str, sequence: int, payload_type: int, payload: bytes) -> bytes:
    name = uuid.uuid4().bytes
    head = HEADER.pack(
        HEADER.size - 4,
        kind.encode().ljust(32),
        1,
        int(time.time() * 1000),
        sequence,
        1 if sequence == 0 else 0,
        name[8:] + name[:8],
        hashlib.sha256(payload).digest(),
        payload_type,
        len(payload),
    )
    return head + payload


def _json(**words: Any) -> bytes:
    return json.dumps(words).encode()
