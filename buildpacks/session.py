"""BuildKit's side channel: the engine asks us, over gRPC on one connection, for what a build needs.

A client opens it with POST /session and then turns into the HTTP/2 server (moby/buildkit,
session/grpc.go). What is asked is answered here: health, secrets, the context's files, and "no
credentials known".
"""

import secrets
import select
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from types import MappingProxyType, TracebackType
from typing import Self

import structlog
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (
    DataReceived,
    Event,
    RequestReceived,
    StreamEnded,
    StreamReset,
)
from h2.exceptions import H2Error

from buildpacks import errors, protobuf
from buildpacks.engine import Engine
from buildpacks.filesync import DIFF_COPY, Offer, Sending, framed
from buildpacks.ssh_agent import (
    CHECK_AGENT,
    DEFAULT_ID,
    FORWARD_AGENT,
    ID_HEADER,
    Conversation,
    Key,
)
from empire.errors import EmpireError

HEALTH = "/grpc.health.v1.Health/Check"
GET_SECRET = "/moby.buildkit.secrets.v1.Secrets/GetSecret"  # noqa: S105 - a method's name
CREDENTIALS = "/moby.filesync.v1.Auth/Credentials"
OK, NOT_FOUND, UNIMPLEMENTED = 0, 5, 12
NO_KEYS: Mapping[str, Key] = MappingProxyType({})
SERVING = protobuf.varint_field(1, 1)
BURST = 1 << 18  # how much goes out before the engine is listened to again

log = structlog.get_logger()


@dataclass(slots=True)
class Call:
    """One request of the engine and how far its answer has gone out."""

    path: str
    sending: Sending | Conversation | None = None
    pieces: Iterator[bytes] = field(default_factory=lambda: iter(()))
    status: int = OK
    received: bytearray = field(default_factory=bytearray)
    waiting: memoryview = field(default_factory=lambda: memoryview(b""))
    is_answered: bool = False
    has_begun: bool = False

    def messages(self) -> Iterator[bytes]:
        """Yield the messages that are complete."""
        while len(self.received) >= 5:
            end = 5 + int.from_bytes(self.received[1:5], "big")
            if len(self.received) < end:
                return
            yield bytes(self.received[5:end])
            del self.received[:end]


class Session:
    """Serves one build until it is closed. `failure` says why it ended early, if it did."""

    def __init__(
        self,
        engine: Engine,
        files: Mapping[str, bytes],
        offer: Offer | None = None,
        shared_key: str = "",
        keys: Mapping[str, Key] = NO_KEYS,
    ) -> None:
        """Open it with secrets and SSH keys by their ids, and the folders on offer.

        Raises Unavailable.

        Builds with the same shared key start from the files that the last one left on the engine.
        """
        self.id = secrets.token_hex(12)
        self.failure: EmpireError | None = None
        self.has_synchronised = False
        self._files = files
        self._offer = offer
        self._keys = keys
        self._calls: dict[int, Call] = {}
        self._http = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        self._sock = engine.connect()
        try:
            self._start = _upgrade(self._sock, self.id, shared_key, engine.address)
        except BaseException:
            self._sock.close()
            raise
        self._sock.settimeout(None)
        self._thread = threading.Thread(target=self._run, name="build-session", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._hang_up()
        self._thread.join()
        self._sock.close()
        if self._offer:
            self._offer.close()

    def _hang_up(self) -> None:
        with suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)

    def _run(self) -> None:
        """Serve; what goes wrong with the files ends the connection, and so the build."""
        try:
            with suppress(OSError, H2Error):
                self._serve()
        except EmpireError as error:
            self.failure = error
        except Exception:
            log.exception("build session failed")
            raise
        finally:
            self._hang_up()

    def _serve(self) -> None:
        """Answer until the connection ends, which is how both sides say goodbye."""
        self._http.initiate_connection()
        poll = select.poll()
        poll.register(self._sock, select.POLLIN)
        received = self._start
        while True:
            for event in self._http.receive_data(received):
                self._take(event)
            while self._advance() and not poll.poll(0):
                pass
            if not (received := self._sock.recv(1 << 16)):
                return

    def _take(self, event: Event) -> None:
        match event:
            case RequestReceived(stream_id=int(stream), headers=headers):
                self._begin(stream, [(str(name), str(value)) for name, value in headers or []])
            case DataReceived(stream_id=int(stream), flow_controlled_length=int(length)):
                if call := self._calls.get(stream):
                    call.received.extend(event.data or b"")
                    self._hear(call)
                self._http.acknowledge_received_data(length, stream)
            case StreamEnded(stream_id=int(stream)) if stream in self._calls:
                self._answer(self._calls[stream])
            case StreamReset(stream_id=int(stream)):
                self._calls.pop(stream, None)

    def _begin(self, stream: int, headers: list[tuple[str, str]]) -> None:
        found: dict[str, list[str]] = {}
        for name, value in headers:
            found.setdefault(name, []).append(value)
        call = self._calls[stream] = Call(found[":path"][0])
        if call.path == DIFF_COPY and self._offer:
            self._converse(call, self._offer.asked(found))
        elif call.path == FORWARD_AGENT:
            key = self._keys.get(found.get(ID_HEADER, [""])[0] or DEFAULT_ID)
            self._converse(call, Conversation(key) if key else None)

    def _converse(self, call: Call, sending: Sending | Conversation | None) -> None:
        """Let an exchange of many messages begin."""
        call.sending = sending
        call.is_answered = True
        call.status = OK if sending else NOT_FOUND
        call.pieces = sending.pieces() if sending else iter(())

    def _hear(self, call: Call) -> None:
        if call.sending:
            for message in call.messages():
                call.sending.take(message)

    def _answer(self, call: Call) -> None:
        """Answer a request that is one message, now that it is complete."""
        if isinstance(call.sending, Conversation):
            call.sending.end()
        if call.is_answered:
            return
        call.status, reply = self._reply(call.path, next(call.messages(), b""))
        call.pieces = iter([framed(reply)] if call.status == OK else [])
        call.is_answered = True

    def _reply(self, path: str, request: bytes) -> tuple[int, bytes]:
        """Return the gRPC status and message for a request."""
        if path == HEALTH:
            return OK, SERVING
        if path == CREDENTIALS:
            return OK, b""
        if path == CHECK_AGENT:
            id_ = protobuf.Message.of(request).text(1) or DEFAULT_ID
            return OK if id_ in self._keys else NOT_FOUND, b""
        if path != GET_SECRET:
            return UNIMPLEMENTED, b""
        content = self._files.get(protobuf.Message.of(request).text(1))
        return (NOT_FOUND, b"") if content is None else (OK, protobuf.bytes_field(1, content))

    def _advance(self) -> bool:
        """Send a burst of each answer, as far as flow control lets it; tell if any could go on."""
        has_more = False
        for stream, call in list(self._calls.items()):
            if call.is_answered:
                has_more |= self._send(stream, call)
        if outgoing := self._http.data_to_send():
            self._sock.sendall(outgoing)
        return has_more

    def _send(self, stream: int, call: Call) -> bool:
        if not call.has_begun:
            call.has_begun = True
            headers = [(":status", "200"), ("content-type", "application/grpc")]
            self._http.send_headers(stream, headers)
        left = BURST
        while left > 0:
            if not call.waiting:
                piece = next(call.pieces, None)
                if piece is None:
                    self._end(stream, call)
                    return False
                call.waiting = memoryview(piece)
                if not piece:
                    return False
            room = self._http.local_flow_control_window(stream)
            room = min(room, self._http.max_outbound_frame_size, len(call.waiting))
            if room <= 0:
                return False
            self._http.send_data(stream, bytes(call.waiting[:room]))
            call.waiting = call.waiting[room:]
            left -= room
        return True

    def _end(self, stream: int, call: Call) -> None:
        del self._calls[stream]
        self.has_synchronised |= isinstance(call.sending, Sending)
        self._http.send_headers(stream, [("grpc-status", str(call.status))], end_stream=True)


def _upgrade(sock: socket.socket, id_: str, shared_key: str, address: str) -> bytes:
    """Ask the engine to take us as a gRPC server; return what it said right after its consent."""
    methods = (GET_SECRET, CREDENTIALS, DIFF_COPY, CHECK_AGENT, FORWARD_AGENT)
    lines = [
        "POST /session HTTP/1.1",
        "Host: docker",
        "Connection: Upgrade",
        "Upgrade: h2c",
        f"X-Docker-Expose-Session-Uuid: {id_}",
        "X-Docker-Expose-Session-Name: empire",
        f"X-Docker-Expose-Session-Sharedkey: {shared_key}",
        *(f"X-Docker-Expose-Session-Grpc-Method: {path}" for path in methods),
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
