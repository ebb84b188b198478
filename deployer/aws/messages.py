"""The messages of a data channel of AWS Systems Manager, as bytes: what ECS Exec speaks.

A header of 116 bytes, the payload's length, the payload (the format of AWS's own
session-manager-plugin, message/clientmessage.go).
"""

import json
import struct
import time
import uuid
from dataclasses import dataclass, field
from enum import IntEnum
from hashlib import sha256
from typing import Any

HEAD = struct.Struct(">L32sLQqQ16s32sLL")
HEADER_LENGTH = HEAD.size - 4
SCHEMA_VERSION = 1
CLIENT_VERSION = "1.2.0.0"
"""The oldest plugin that speaks all that is used here."""
FIRST, ALONE = 1, 3
"""Flags: the first of a stream; a message that is no part of one."""

INPUT, OUTPUT = "input_stream_data", "output_stream_data"
ACKNOWLEDGE, CLOSED = "acknowledge", "channel_closed"
PAUSE, GO_ON = "pause_publication", "start_publication"


class Payload(IntEnum):
    """What a stream's message carries."""

    DATA = 1
    ERROR = 2
    SIZE = 3
    HANDSHAKE_REQUEST = 5
    HANDSHAKE_RESPONSE = 6
    HANDSHAKE_COMPLETE = 7
    FLAG = 10


TERMINATE = struct.pack(">L", 2)
"""The flag that ends a session."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message. `payload_type` says nothing in messages that belong to no stream."""

    type: str
    payload: bytes = b""
    payload_type: int = 0
    sequence: int = 0
    flags: int = 0
    id: uuid.UUID = field(default_factory=uuid.uuid4)

    def encoded(self) -> bytes:
        """Return the message's bytes."""
        head = HEAD.pack(
            HEADER_LENGTH,
            self.type.encode().ljust(32),
            SCHEMA_VERSION,
            int(time.time() * 1000),
            self.sequence,
            self.flags,
            self.id.bytes[8:] + self.id.bytes[:8],  # the lower half comes first
            sha256(self.payload).digest(),
            self.payload_type,
            len(self.payload),
        )
        return head + self.payload


def decoded(content: bytes) -> Message:
    """Return the message of these bytes; raises ValueError for what is none."""
    if len(content) < HEAD.size:
        raise ValueError("The message is shorter than its header.")
    _, type_, _, _, sequence, flags, half, _, payload_type, length = HEAD.unpack_from(content)
    payload = content[HEAD.size : HEAD.size + length]
    if len(payload) < length:
        raise ValueError("The message is shorter than it says.")
    name = type_.rstrip(b" \0").decode("ascii", "replace")
    return Message(
        name, payload, payload_type, sequence, flags, uuid.UUID(bytes=half[8:] + half[:8])
    )


def opening(token: str) -> str:
    """Return the first words on a connection."""
    return json.dumps(
        {
            "MessageSchemaVersion": "1.0",
            "RequestId": str(uuid.uuid4()),
            "TokenValue": token,
            "ClientId": str(uuid.uuid4()),
            "ClientVersion": CLIENT_VERSION,
        }
    )


def acknowledgement(of: Message) -> Message:
    """Return what tells that a message came."""
    content = {
        "AcknowledgedMessageType": of.type,
        "AcknowledgedMessageId": str(of.id),
        "AcknowledgedMessageSequenceNumber": of.sequence,
        "IsSequentialMessage": True,
    }
    return Message(ACKNOWLEDGE, json.dumps(content).encode(), flags=ALONE)


def handshake(request: bytes) -> bytes:
    """Return the answer to a handshake; raises ValueError for what cannot be done, such as KMS."""
    asked = [str(action["ActionType"]) for action in parsed(request)["RequestedClientActions"]]
    if unknown := [action for action in asked if action != "SessionType"]:
        raise ValueError(f"The session asks for {', '.join(unknown)}.")
    done: list[dict[str, Any]] = [
        {"ActionType": action, "ActionStatus": 1, "ActionResult": None} for action in asked
    ]
    answer = {"ClientVersion": CLIENT_VERSION, "ProcessedClientActions": done, "Errors": []}
    return json.dumps(answer).encode()


def parsed(payload: bytes) -> dict[str, Any]:
    """Return the JSON object of a payload."""
    content: dict[str, Any] = json.loads(payload)
    return content
