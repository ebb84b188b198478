"""The bytes of a data channel."""

import json
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as some

from deployer.aws import messages
from deployer.aws.messages import Message, Payload


@given(some.binary(max_size=2000), some.integers(0, 2**60), some.uuids())
def test_a_message_comes_back_as_it_was(payload: bytes, sequence: int, id_: uuid.UUID) -> None:
    sent = Message(messages.INPUT, payload, Payload.DATA, sequence, messages.FIRST, id_)

    assert messages.decoded(sent.encoded()) == sent


def test_a_message_lies_as_aws_lays_it() -> None:
    content = Message(messages.OUTPUT, b"hi", Payload.DATA, 7, 1, uuid.UUID(int=1)).encoded()

    assert content[:4] == (116).to_bytes(4, "big")
    assert content[4:36] == b"output_stream_data".ljust(32)
    assert content[48:56] == (7).to_bytes(8, "big")
    assert content[64:80] == (1).to_bytes(8, "big") + bytes(8)  # the lower half comes first
    assert content[112:116] == (1).to_bytes(4, "big")
    assert content[116:] == (2).to_bytes(4, "big") + b"hi"


@pytest.mark.parametrize("cut", [0, 119, -1])
def test_what_is_cut_off_is_no_message(cut: int) -> None:
    content = Message(messages.OUTPUT, b"hi").encoded()

    with pytest.raises(ValueError, match="shorter"):
        messages.decoded(content[:cut])


def test_a_message_is_acknowledged_by_its_name_and_number() -> None:
    of = Message(messages.OUTPUT, b"hi", Payload.DATA, 7)

    answer = messages.acknowledgement(of)

    assert (answer.type, answer.flags) == (messages.ACKNOWLEDGE, messages.ALONE)
    assert messages.parsed(answer.payload) == {
        "AcknowledgedMessageType": "output_stream_data",
        "AcknowledgedMessageId": str(of.id),
        "AcknowledgedMessageSequenceNumber": 7,
        "IsSequentialMessage": True,
    }


def test_a_handshake_takes_a_session_and_nothing_else() -> None:
    def asking(*actions: str) -> bytes:
        return json.dumps(
            {"RequestedClientActions": [{"ActionType": action} for action in actions]}
        ).encode()

    [done] = messages.parsed(messages.handshake(asking("SessionType")))["ProcessedClientActions"]

    assert (done["ActionType"], done["ActionStatus"]) == ("SessionType", 1)
    with pytest.raises(ValueError, match="KMSEncryption"):
        messages.handshake(asking("SessionType", "KMSEncryption"))


def test_the_opening_carries_the_token() -> None:
    assert json.loads(messages.opening("secret"))["TokenValue"] == "secret"
