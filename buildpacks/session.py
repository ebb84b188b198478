"""BuildKit's side channel: the engine asks us, over gRPC on one connection, for a build's secrets.

A client opens it with POST /session and then turns into the HTTP/2 server (moby/buildkit,
session/grpc.go). What is asked is answered here: health, secrets, and "no credentials known".
"""

import secrets
import socket
import struct
import threading
from collections.abc import Mapping
from contextlib import suppress
from types import TracebackType
from typing import Self

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (
    DataReceived,
    Event,
    RequestReceived,
    StreamEnded,
    StreamReset,
    WindowUpdated,
)
from h2.exceptions import H2Error

from buildpacks import errors, protobuf
from buildpacks.engine import Engine

HEALTH = "/grpc.health.v1.Health/Check"
GET_SECRET = "/moby.buildkit.secrets.v1.Secrets/GetSecret"  # noqa: S105 - a method's name
CREDENTIALS = "/moby.filesync.v1.Auth/Credentials"
OK, NOT_FOUND, UNIMPLEMENTED = 0, 5, 12
SERVING = protobuf.varint_field(1, 1)


class Session:
    """Serves one build's secrets until it is closed."""

    def __init__(self, engine: Engine, files: Mapping[str, bytes]) -> None:
        """Open it with the secrets by their id; raises Unavailable."""
        self.id = secrets.token_hex(12)
        self._files = files
        self._requests: dict[int, tuple[str, bytearray]] = {}
        self._answers: dict[int, tuple[bytearray, int]] = {}
        self._http = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        self._sock = engine.connect()
        try:
            self._start = _upgrade(self._sock, self.id, engine.address)
        except BaseException:
            self._sock.close()
            raise
        self._sock.settimeout(None)
        self._thread = threading.Thread(target=self._serve, name="build-session", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._sock.close()

    def _serve(self) -> None:
        """Answer until the connection ends, which is how both sides say goodbye."""
        self._http.initiate_connection()
        received = self._start
        with suppress(OSError, H2Error):
            self._flush()
            while True:
                for event in self._http.receive_data(received):
                    self._take(event)
                self._flush()
                if not (received := self._sock.recv(1 << 16)):
                    return

    def _take(self, event: Event) -> None:
        match event:
            case RequestReceived(stream_id=int(stream), headers=headers):
                path = next(str(value) for name, value in headers or [] if str(name) == ":path")
                self._requests[stream] = (path, bytearray())
            case DataReceived(stream_id=int(stream), flow_controlled_length=int(length)):
                if stream in self._requests:
                    self._requests[stream][1].extend(event.data or b"")
                self._http.acknowledge_received_data(length, stream)
            case StreamEnded(stream_id=int(stream)) if stream in self._requests:
                self._respond(stream)
            case StreamReset(stream_id=int(stream)):
                self._requests.pop(stream, None)
                self._answers.pop(stream, None)
            case WindowUpdated():
                self._advance()

    def _respond(self, stream: int) -> None:
        path, request = self._requests.pop(stream)
        status, reply = self._answer(path, bytes(request[5:]))
        framed = struct.pack(">BI", 0, len(reply)) + reply if status == OK else b""
        headers = [(":status", "200"), ("content-type", "application/grpc")]
        self._http.send_headers(stream, headers)
        self._answers[stream] = (bytearray(framed), status)
        self._advance()

    def _answer(self, path: str, request: bytes) -> tuple[int, bytes]:
        """Return the gRPC status and message for a request."""
        if path == HEALTH:
            return OK, SERVING
        if path == CREDENTIALS:
            return OK, b""
        if path != GET_SECRET:
            return UNIMPLEMENTED, b""
        content = self._files.get(protobuf.Message.of(request).text(1))
        return (NOT_FOUND, b"") if content is None else (OK, protobuf.bytes_field(1, content))

    def _advance(self) -> None:
        """Send as much of the answers as the engine's flow control lets through."""
        for stream, (left, status) in list(self._answers.items()):
            while left:
                room = self._http.local_flow_control_window(stream)
                room = min(room, self._http.max_outbound_frame_size, len(left))
                if room <= 0:
                    break
                self._http.send_data(stream, bytes(left[:room]))
                del left[:room]
            if not left:
                del self._answers[stream]
                self._http.send_headers(stream, [("grpc-status", str(status))], end_stream=True)

    def _flush(self) -> None:
        if outgoing := self._http.data_to_send():
            self._sock.sendall(outgoing)


def _upgrade(sock: socket.socket, id_: str, address: str) -> bytes:
    """Ask the engine to take us as a gRPC server; return what it said right after its consent."""
    lines = [
        "POST /session HTTP/1.1",
        "Host: docker",
        "Connection: Upgrade",
        "Upgrade: h2c",
        f"X-Docker-Expose-Session-Uuid: {id_}",
        "X-Docker-Expose-Session-Name: empire",
        *(f"X-Docker-Expose-Session-Grpc-Method: {path}" for path in (GET_SECRET, CREDENTIALS)),
        "Content-Length: 0",
    ]
    head = b""
    try:
        sock.sendall("\r\n".join([*lines, "", ""]).encode())
        while b"\r\n\r\n" not in head:
            received = sock.recv(4096)
            if not received:
                raise ConnectionError("the engine closed the session")
            head += received
    except OSError as error:
        raise errors.engine_silent(address, str(error)) from None
    head, _, rest = head.partition(b"\r\n\r\n")
    if b" 101 " not in head.splitlines()[0] + b" ":
        raise errors.engine_refused("open a build session", head.decode("latin-1"))
    return rest
