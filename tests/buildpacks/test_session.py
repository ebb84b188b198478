"""Our side of BuildKit's session, asked by a real HTTP/2 client over a real socket."""

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from h2.connection import H2Connection
from h2.events import DataReceived, StreamEnded, TrailersReceived

from buildpacks import protobuf
from buildpacks.engine import Engine
from buildpacks.session import CREDENTIALS, GET_SECRET, HEALTH, Session
from empire.errors import Unavailable

ACCEPTED = b"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"


class Caller:
    """The engine's side: takes one session and asks it things."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._http = H2Connection()
        self._http.initiate_connection()
        self._stream = 1

    def ask(self, path: str, message: bytes = b"") -> tuple[str, bytes]:
        """Return the gRPC status and the answer's message."""
        stream, self._stream = self._stream, self._stream + 2
        headers = [(":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "x")]
        self._http.send_headers(stream, headers)
        self._http.send_data(stream, struct.pack(">BI", 0, len(message)) + message, end_stream=True)
        return self._answer(stream)

    def abandon(self, path: str) -> None:
        """Ask and take it back before the question is complete."""
        stream, self._stream = self._stream, self._stream + 2
        headers = [(":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "x")]
        self._http.send_headers(stream, headers)
        self._http.reset_stream(stream)

    def _answer(self, stream: int) -> tuple[str, bytes]:
        body, status = b"", ""
        while True:
            self._sock.sendall(self._http.data_to_send())
            for event in self._http.receive_data(self._sock.recv(1 << 16)):
                if isinstance(event, DataReceived):
                    body += event.data or b""
                    length = event.flow_controlled_length or 0
                    self._http.acknowledge_received_data(length, stream)
                elif isinstance(event, TrailersReceived):
                    status = str(dict(event.headers or [])[b"grpc-status"].decode())
                elif isinstance(event, StreamEnded):
                    return status, body[5:]


@contextmanager
def engine_that_says(path: Path, answer: bytes) -> Iterator[list[socket.socket]]:
    """Listen where an engine would, take one request's head and answer with these bytes."""
    accepted: list[socket.socket] = []
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        def serve() -> None:
            sock, _ = listener.accept()
            accepted.append(sock)
            head = b""
            while b"\r\n\r\n" not in head:
                head += sock.recv(4096)
            sock.sendall(answer)
            if not answer:
                sock.shutdown(socket.SHUT_RDWR)

        thread = threading.Thread(target=serve)
        thread.start()
        yield accepted
        thread.join()
        for sock in accepted:
            sock.close()


def test_it_answers_what_buildkit_asks(tmp_path: Path) -> None:
    big = bytes(300_000)
    with (
        engine_that_says(tmp_path / "sock", ACCEPTED) as accepted,
        Session(Engine(f"unix://{tmp_path}/sock"), {"small": b"hush", "big": big}),
    ):
        caller = Caller(accepted[0])
        assert caller.ask(HEALTH) == ("0", protobuf.varint_field(1, 1))
        assert caller.ask(CREDENTIALS) == ("0", b"")
        small = protobuf.bytes_field(1, b"small")
        assert caller.ask(GET_SECRET, small) == ("0", protobuf.bytes_field(1, b"hush"))
        caller.abandon(GET_SECRET)
        answer = caller.ask(GET_SECRET, protobuf.bytes_field(1, b"big"))
        assert answer == ("0", protobuf.bytes_field(1, big))
        assert caller.ask(GET_SECRET, protobuf.bytes_field(1, b"other")) == ("5", b"")
        assert caller.ask("/moby.filesync.v1.Auth/FetchToken") == ("12", b"")


@pytest.mark.parametrize(
    ("answer", "why"), [(b"HTTP/1.1 404 Not Found\r\n\r\n", "404"), (b"", "closed the session")]
)
def test_an_engine_without_sessions(answer: bytes, why: str, tmp_path: Path) -> None:
    with (
        engine_that_says(tmp_path / "sock", answer),
        pytest.raises(Unavailable) as refusal,
    ):
        Session(Engine(f"unix://{tmp_path}/sock"), {})
    assert why in refusal.value.why
