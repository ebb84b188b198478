"""Streams of the engine, read by one thread without waiting."""

import socket
from collections.abc import Iterator

import pytest

from deployer.local.wire import Stream
from empire.errors import Unavailable
from tests.waiting import wait_until


@pytest.fixture
def engine() -> Iterator[socket.socket]:
    """Something that listens where an engine would."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


def read(stream: Stream, least: int) -> bytes:
    """Return so many bytes of the body."""
    found = bytearray()

    def is_enough() -> bool:
        found.extend(stream.read() or b"")
        return len(found) >= least

    wait_until(is_enough)
    return bytes(found)


def test_a_head_and_a_body_in_pieces(engine: socket.socket) -> None:
    stream = Stream(f"tcp://127.0.0.1:{engine.getsockname()[1]}", "/logs?a=1")
    connection, _ = engine.accept()
    with connection:
        assert connection.recv(1000) == b"GET /logs?a=1 HTTP/1.0\r\nHost: engine\r\n\r\n"
        assert (stream.read(), stream.status) == (b"", 0)
        connection.sendall(b"HTTP/1.0 200 OK\r\nServer: x\r\n\r")
        assert stream.read() is not None
        connection.sendall(b"\nbody")
        assert read(stream, 4) == b"body"
        assert stream.status == 200
    wait_until(lambda: stream.read() is None)
    stream.close()


def test_nobody_there(engine: socket.socket) -> None:
    address = f"tcp://127.0.0.1:{engine.getsockname()[1]}"
    engine.close()
    with pytest.raises(ConnectionRefusedError):
        Stream(address, "/")


def test_an_address_of_another_kind() -> None:
    with pytest.raises(Unavailable):
        Stream("ssh://build@10.0.0.1", "/")
