"""The engine's raw connections: after one HTTP request, a command's streams and nothing else."""

import json
import socket
import struct
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, BinaryIO, cast
from urllib.parse import urlsplit

from deployer.local import errors
from deployer.local.engine import TIMEOUT_SECONDS, UNIX, Engine
from empire.errors import NotFound

STDOUT = 1
LARGEST_READ = 256 * 1024
FRAME = struct.Struct(">BxxxL")
"""How the engine sends two streams over one connection: which, how long, then so many bytes."""
LOOK_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Hooks:
    """What else can be done with the command whose streams these are."""

    resize: Callable[[int, int], None]
    status: Callable[[], int | None]
    """Its exit status, None while it runs."""
    end: Callable[[], None]


class Hijacked:
    """The streams of a command of the engine (empire.platform.Duplex)."""

    def __init__(self, line: socket.socket, reader: BinaryIO, has_terminal: bool) -> None:
        self._line = line
        self._reader = reader
        self._has_terminal = has_terminal
        self.hooks: Hooks | None = None

    def read(self) -> tuple[int, bytes] | None:
        """Return the next output and its stream; None when no more will come."""
        try:
            if self._has_terminal:
                content = self._reader.read1(LARGEST_READ)  # type: ignore[attr-defined]
                return (STDOUT, content) if content else None
            head = self._reader.read(FRAME.size)
            if len(head) < FRAME.size:
                return None
            stream, length = FRAME.unpack(head)
            return stream, self._reader.read(length)
        except (OSError, ValueError):  # closed by us, or the engine went away
            return None

    def write(self, content: bytes) -> None:
        """Give it input."""
        self._line.sendall(content)

    def end_input(self) -> None:
        """Let it see the end of its input."""
        with suppress(OSError):
            self._line.shutdown(socket.SHUT_WR)

    def resize(self, rows: int, columns: int) -> None:
        """Tell it the size of its terminal."""
        assert self.hooks
        self.hooks.resize(rows, columns)

    def wait(self) -> int:
        """Return its exit status when it ended."""
        assert self.hooks
        while (status := self.hooks.status()) is None:
            time.sleep(LOOK_SECONDS)
        return status

    def close(self) -> None:
        """Let go, waking who reads or writes."""
        with suppress(OSError):
            self._line.shutdown(socket.SHUT_RDWR)
        with suppress(OSError, ValueError):
            self._reader.close()
        self._line.close()
        if self.hooks:
            self.hooks.end()


def hijack(engine: Engine, path: str, body: dict[str, Any] | None, has_terminal: bool) -> Hijacked:
    """Return the connection that the engine turns over; raises NotFound, Unavailable."""
    content = json.dumps(body or {}).encode()
    request = (
        f"POST /v{engine.api.api_version}{path} HTTP/1.1\r\nHost: engine\r\n"
        "Connection: Upgrade\r\nUpgrade: tcp\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(content)}\r\n\r\n"
    )
    line = _connected(engine.address)
    try:
        line.sendall(request.encode() + content)
        reader = cast("BinaryIO", line.makefile("rb", LARGEST_READ))
        _check(reader)
    except OSError as error:
        line.close()
        raise errors.no_engine(str(error)) from error
    except BaseException:
        line.close()
        raise
    line.settimeout(None)
    return Hijacked(line, reader, has_terminal)


def _connected(address: str) -> socket.socket:
    try:
        if address.startswith(UNIX):
            line = socket.socket(socket.AF_UNIX)
            line.settimeout(TIMEOUT_SECONDS)
            line.connect(address.removeprefix(UNIX))
            return line
        place = urlsplit(address)
        return socket.create_connection((place.hostname, place.port or 2375), TIMEOUT_SECONDS)
    except OSError as error:
        raise errors.no_engine(str(error)) from error


def _check(reader: BinaryIO) -> None:
    """Read the answer's head; raise unless the engine turns the connection over."""
    status = int(reader.readline().split(b" ", 2)[1])
    length = 0
    while (header := reader.readline().strip()) != b"":
        name, _, value = header.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    if status in (101, 200):
        return
    said = _message(reader.read(length))
    if status == 404:
        raise NotFound("It is not there any more.", why=said)
    raise errors.engine_refused("attach to a command", said)


def _message(body: bytes) -> str:
    try:
        return str(json.loads(body)["message"])
    except (ValueError, KeyError, TypeError):
        return body.decode("utf-8", "replace")
