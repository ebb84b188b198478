"""Commands inside running tasks, over the websocket that ExecuteCommand names."""

import json
import struct
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256

import pytest
from botocore.exceptions import ClientError
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.fakeaws import data_channel
from tests.fakeaws.stage import Stage

pytestmark = pytest.mark.docker


@contextmanager
def opened(stage: Stage, command: str) -> Iterator[ClientConnection]:
    task = stage.tasks()[0]["taskArn"]
    session = stage.ecs.execute_command(
        cluster="empire", task=task, command=command, interactive=True
    )["session"]
    with connect(session["streamUrl"], compression=None) as connection:
        connection.send(json.dumps({"TokenValue": session["tokenValue"]}))
        yield connection


def sent(sequence: int, payload_type: int, payload: bytes) -> bytes:
    name, digest = uuid.uuid4().bytes, sha256(payload).digest()
    kind = b"input_stream_data".ljust(32)
    numbers = (payload_type, len(payload))
    head = struct.pack(">I32sIQqQ16s32sII", 116, kind, 1, 0, sequence, 0, name, digest, *numbers)
    return head + payload


def output(connection: ClientConnection, *more: tuple[int, bytes]) -> Iterator[bytes]:
    """Yield what the command writes; after the handshake send these."""
    for content in connection:
        assert isinstance(content, bytes)
        message = data_channel.read(content)
        if message.payload_type == data_channel.HANDSHAKE:
            answers = [(data_channel.ANSWER, b"{}"), *more]
            for sequence, (kind, payload) in enumerate(answers):
                connection.send(sent(sequence, kind, payload))
        elif message.payload_type == data_channel.DATA and message.kind == "output_stream_data":
            yield message.payload
        elif message.kind == "channel_closed":
            return


def running(stage: Stage, *, can: bool = True) -> Stage:
    stage.settled(stage.create(stage.define(), enableExecuteCommand=can))
    return stage


def test_a_command_has_a_terminal_of_the_size_that_is_told(stage: Stage) -> None:
    size = data_channel.SIZE, b'{"rows": 40, "cols": 100}'
    line = data_channel.DATA, b"stty size; exit\n"
    with opened(running(stage), "/bin/sh") as connection:
        written = b"".join(output(connection, size, line))

    assert b"40 100" in written


def test_a_command_ends_the_session_when_it_ends(stage: Stage) -> None:
    with opened(running(stage), "sh -c 'echo hello from inside; exit 3'") as connection:
        assert b"".join(output(connection)) == b"hello from inside\r\n"


def test_a_wrong_token_opens_nothing(stage: Stage) -> None:
    running(stage)
    session = stage.ecs.execute_command(
        cluster="empire", task=stage.tasks()[0]["taskArn"], command="sh", interactive=True
    )["session"]
    with connect(session["streamUrl"]) as connection:
        connection.send(json.dumps({"TokenValue": "guess"}))
        with pytest.raises(ConnectionClosed, match="no such session"):
            connection.recv()


def test_a_task_that_runs_no_commands(stage: Stage) -> None:
    running(stage, can=False)
    wish = {"task": stage.tasks()[0]["taskArn"], "command": "sh", "interactive": True}
    with pytest.raises(ClientError, match="execute command was not enabled"):
        stage.ecs.execute_command(cluster="empire", **wish)
