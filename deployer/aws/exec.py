"""Commands inside running tasks: ECS Exec, as the streams of a command (empire.platform.Duplex)."""

import secrets
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from botocore.exceptions import ClientError

from deployer.aws import run_errors, scripts
from deployer.aws.account import Account, code_of, speaking, text_of
from deployer.aws.channel import Channel
from empire.errors import EmpireError
from empire.secrets import Secret

BEGIN_SECONDS = 20.0
"""How long a session may take until the task's shell answers."""
GONE_STATUS = 137
"""The exit status of what was killed, or of which nobody will hear any more."""
CANNOT_STATUS = 126
STDERR = 2
CONNECTED, NOT_THERE = "TargetNotConnectedException", "InvalidParameterException"


@dataclass(frozen=True, slots=True)
class Visit:
    """A command that shall run in a task's container."""

    cluster: str
    task: str
    container: str
    command: str
    env: dict[str, Secret]
    has_terminal: bool


def enter(account: Account, visit: Visit, name: str) -> "Session":
    """Run the command in the container of dyno `name` and return its streams.

    Raises NotFound for a task that is gone, Conflict for one that runs no commands, Unavailable.
    """
    session = Session(visit.has_terminal)
    try:
        session.connect(lambda: opened(account, visit, name), visit)
    except BaseException:
        session.close()
        raise
    return session


def opened(account: Account, visit: Visit, name: str) -> tuple[Channel, str]:
    """Return a session whose shell waits for a script, and the mark it was told."""
    mark = f"empire-{secrets.token_hex(8)}"
    with speaking(f"enter {name}"):
        try:
            answer = account.client("ecs").execute_command(
                cluster=visit.cluster,
                task=visit.task,
                container=visit.container,
                command=scripts.boot(mark),
                interactive=True,
            )
        except ClientError as error:
            if code_of(error) in (CONNECTED, NOT_THERE):
                raise run_errors.not_enterable(name, text_of(error)) from error
            raise
    told = answer["session"]
    return Channel(told["streamUrl"], told["tokenValue"]), mark


class Session:
    """The streams of one command; before it is connected, who reads or writes waits."""

    def __init__(self, has_terminal: bool) -> None:
        self._has_terminal = has_terminal
        self._connected = threading.Event()
        self._ended = threading.Event()
        self._channel: Channel | None = None
        self._reader: scripts.Piped | scripts.Terminal = scripts.Piped()
        self._found: deque[tuple[int, bytes]] = deque()
        self._size: tuple[int, int] | None = None
        self._status = GONE_STATUS

    def connect(self, open_: Callable[[], tuple[Channel, str]], visit: Visit) -> None:
        """Open the session, and start the command in it."""
        channel, mark = open_()
        self._channel = channel
        if self._ended.is_set():  # closed meanwhile
            channel.close()
            return
        script = scripts.script(mark, visit.command, visit.env, visit.has_terminal)
        deadline = time.monotonic() + BEGIN_SECONDS
        # Nothing may be sent before the handshake is over: the agent would wait for it for ever.
        heard = _awaited(channel, mark, scripts.READY, b"", deadline)
        if visit.has_terminal:
            self._reader = scripts.Terminal(mark.encode())
            channel.resize(*(self._size or (24, 80)))
        channel.write(script)
        rest = _awaited(channel, mark, scripts.GO, heard, deadline)
        self._take(rest)
        self._connected.set()

    def fail(self, error: EmpireError) -> None:
        """Let who reads see why there is no command."""
        self._found.append((STDERR, f"{error}\n".encode()))
        self._end(CANNOT_STATUS)

    def read(self) -> tuple[int, bytes] | None:
        """Return the next output and its stream; None when no more will come."""
        self._connected.wait()
        while not self._found:
            if self._ended.is_set() or self._channel is None:
                return None
            chunk = self._channel.read()
            if chunk is None:
                self._end(GONE_STATUS)
                return None
            self._take(chunk)
        return self._found.popleft()

    def write(self, content: bytes) -> None:
        """Give it input. Raises OSError where nobody reads any more."""
        channel = self._live()
        for part in [content] if self._has_terminal else scripts.fed(content):
            if content:
                channel.write(part)

    def end_input(self) -> None:
        """Let it see the end of its input; a terminal has none but what is typed there."""
        with suppress(OSError):
            if not self._has_terminal:
                for part in scripts.fed(b""):
                    self._live().write(part)

    def resize(self, rows: int, columns: int) -> None:
        """Tell it the size of its terminal."""
        self._size = rows, columns
        if self._channel is not None:
            with suppress(OSError):
                self._channel.resize(rows, columns)

    def wait(self) -> int:
        """Return its exit status when it ended."""
        self._ended.wait()
        return self._status

    def close(self) -> None:
        """Let go, waking who reads or writes; it ends the command."""
        self._end(GONE_STATUS)
        if self._channel is not None:
            self._channel.close()

    def _live(self) -> Channel:
        self._connected.wait()
        if self._ended.is_set() or self._channel is None:
            raise BrokenPipeError("The command has ended.")
        return self._channel

    def _take(self, content: bytes) -> None:
        self._found.extend(self._reader.take(content))
        if self._reader.status is not None:
            self._end(self._reader.status)

    def _end(self, status: int) -> None:
        if not self._ended.is_set():
            self._status = status
            self._ended.set()
        self._connected.set()


def _awaited(channel: Channel, mark: str, word: bytes, heard: bytes, deadline: float) -> bytes:
    """Return what comes after the mark with the word; raises Unavailable without it."""
    while (rest := scripts.after(mark.encode(), word, heard)) is None:
        try:
            chunk = channel.read(max(0.0, deadline - time.monotonic()))
        except TimeoutError:
            chunk = None
        if chunk is None:
            channel.close()
            raise run_errors.no_shell_inside(heard.decode("utf-8", "replace").strip())
        heard += chunk
    return rest
