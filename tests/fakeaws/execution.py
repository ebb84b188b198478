"""ECS Exec: ExecuteCommand gives a websocket, and behind it a command runs in a task's container."""

import json
import os
import secrets
import shlex
import signal
import socket
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import structlog
from docker.errors import APIError
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

from tests.fakeaws import account, data_channel
from tests.fakeaws.cloud import Cloud
from tests.fakeaws.data_channel import Received
from tests.fakeaws.operations import Fields, Operation, Refusal, invalid
from tests.fakeaws.task_calls import TaskCalls

log = structlog.get_logger()
OFF = (
    "The execute command failed because execute command was not enabled when the task was run or "
    "the execute command agent isn't running. Wait and try again or run a new task with execute "
    "command enabled and try again."
)
UNTYPED = ",".join(["ctrl-^", "ctrl-_"] * 8)
"""What makes Docker leave a terminal, by default ctrl-p and ctrl-q: AWS has no such thing."""
UNREACHABLE = "The execute command failed due to an internal error. Try again later."


@dataclass(frozen=True)
class Invitation:
    """What a session may do, for who has its token."""

    session: str
    token: str
    container: str
    command: str


class Execution:
    """Opens sessions; a thread each."""

    def __init__(self, cloud: Cloud, tasks: TaskCalls) -> None:
        self._cloud, self._tasks = cloud, tasks
        self._invitations: dict[str, Invitation] = {}
        self._server = serve(self._talk, "127.0.0.1", 0, compression=None, max_size=1 << 20)
        self._port = self._server.socket.getsockname()[1]
        threading.Thread(target=self._server.serve_forever, name="exec", daemon=True).start()

    def operations(self) -> dict[str, Operation]:
        """Return what the API offers."""
        return {"ExecuteCommand": self.execute}

    def execute(self, wish: Fields) -> Fields:
        """Prepare a session; the command starts when its websocket is opened."""
        task = self._tasks.find(wish.get("cluster"), wish["task"])
        if not wish.get("interactive"):
            raise invalid("Interactive is the only mode supported currently.")
        if not task.launch.can_execute:
            raise invalid(OFF)
        if not task.is_running:
            raise Refusal("TargetNotConnectedException", UNREACHABLE)
        name = wish.get("container") or task.definition.container["name"]
        if name != task.definition.container["name"]:
            raise invalid(f"The container {name} isn't found in the task.")
        session = f"ecs-execute-command-{secrets.token_hex(9)}"
        made = Invitation(session, secrets.token_urlsafe(32), task.container, wish["command"])
        self._invitations[session] = made
        url = f"ws://127.0.0.1:{self._port}/v1/data-channel/{session}?role=publish_subscribe"
        return {
            "clusterArn": account.arn("ecs", f"cluster/{task.launch.cluster}"),
            "taskArn": task.arn,
            "containerArn": task.container_arn,
            "containerName": name,
            "interactive": True,
            "session": {"sessionId": session, "streamUrl": url, "tokenValue": made.token},
        }

    def close(self) -> None:
        """Open no more sessions."""
        self._server.shutdown()

    def _talk(self, connection: ServerConnection) -> None:
        assert connection.request
        session = connection.request.path.partition("?")[0].rpartition("/")[2]
        invitation = self._invitations.pop(session, None)
        try:
            opening = json.loads(connection.recv())
        except ConnectionClosed:
            return
        if invitation is None or opening.get("TokenValue") != invitation.token:
            connection.close(1008, "no such session")
            return
        with suppress(ConnectionClosed):
            _Session(self._cloud, connection, invitation).play()


class _Session:
    """One command in one container, with a terminal."""

    def __init__(self, cloud: Cloud, connection: ServerConnection, told: Invitation) -> None:
        self._docker = cloud.engine.api
        self._connection = connection
        self._told = told
        self._sequence = 0
        self._expected = 0
        self._exec = ""
        self._terminal: socket.socket | None = None
        self._size: tuple[int, int] | None = None

    def play(self) -> None:
        """Shake hands, run the command, carry bytes until it ends or the client goes."""
        self._send(data_channel.HANDSHAKE, data_channel.handshake())
        try:
            for content in self._connection:
                if isinstance(content, bytes) and not self._take(data_channel.read(content)):
                    return
        finally:
            self._end_command()

    def _take(self, message: Received) -> bool:
        """Do what a message asks for; return False at the end of the session."""
        if message.kind != "input_stream_data":
            return True
        self._connection.send(data_channel.acknowledgement(message))
        if message.sequence != self._expected:
            return True  # sent again, or too early: then it will be sent again
        self._expected += 1
        if message.payload_type == data_channel.ANSWER:
            self._send(data_channel.COMPLETE, data_channel.complete())
            self._begin()
        elif message.payload_type == data_channel.DATA and self._terminal:
            with suppress(OSError):
                self._terminal.sendall(message.payload)
        elif message.payload_type == data_channel.SIZE:
            self._resize(json.loads(message.payload))
        elif message.payload_type == data_channel.FLAG:
            return message.flag() != data_channel.TERMINATE
        return True

    def _begin(self) -> None:
        try:
            self._exec = self._docker.exec_create(
                self._told.container,
                shlex.split(self._told.command),
                stdin=True,
                tty=True,
                user="root",
                environment={"TERM": "xterm-256color"},
                detach_keys=UNTYPED,
            )["Id"]
            stream: Any = self._docker.exec_start(self._exec, tty=True, socket=True)
        except APIError as error:
            self._send(data_channel.DATA, f"{error.explanation}\r\n".encode())
            self._close()
            return
        self._terminal = stream._sock
        if self._size:
            self._docker.exec_resize(self._exec, *self._size)
        threading.Thread(target=self._carry, args=(stream,), name="exec out", daemon=True).start()

    def _carry(self, stream: Any) -> None:
        """Send what the command writes, then that it has ended."""
        with suppress(OSError, ConnectionClosed):
            while piece := stream._sock.recv(data_channel.PIECE):
                self._send(data_channel.DATA, piece)
        self._close()
        stream.close()

    def _resize(self, wish: dict[str, int]) -> None:
        self._size = wish["rows"], wish["cols"]
        if self._exec:
            with suppress(APIError):
                self._docker.exec_resize(self._exec, *self._size)

    def _send(self, payload_type: int, payload: bytes) -> None:
        self._connection.send(data_channel.output(self._sequence, payload_type, payload))
        self._sequence += 1

    def _close(self) -> None:
        with suppress(ConnectionClosed):
            self._connection.send(data_channel.closed(self._told.session))
            self._connection.close()

    def _end_command(self) -> None:
        """Kill the command as the agent does; its terminal's other processes hear SIGHUP."""
        if not self._exec:
            return
        with suppress(APIError, ProcessLookupError, PermissionError):
            found = self._docker.exec_inspect(self._exec)
            if found["Running"]:
                os.kill(found["Pid"], signal.SIGKILL)
