import socket
from pathlib import Path

import pytest

from deployer.local import sockets


def test_a_taken_address_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(sockets.AddressTaken, match=f"127.0.0.1:{port}: Address already in use"):
            sockets.listen_address("127.0.0.1", port, beside=False)
        with pytest.raises(sockets.AddressTaken):
            sockets.listen_address("127.0.0.1", port, beside=True)


def test_a_socket_may_be_bound_beside_our_own() -> None:
    with sockets.listen_address("127.0.0.1", 0, beside=False) as ours:
        ours.listen()
        port = ours.getsockname()[1]
        with sockets.listen_address("127.0.0.1", port, beside=True) as second:
            assert second.getsockname() == ours.getsockname()
            with socket.create_connection(("127.0.0.1", port)):
                ours.accept()[0].close()


def test_ipv6_addresses_are_listened_at() -> None:
    with sockets.listen_address("::1", 0, beside=False) as ours:
        assert ours.getsockname()[0] == "::1"


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM])
def test_a_taken_loopback_port_is_replaced_by_a_free_one(kind: socket.SocketKind) -> None:
    with sockets.loopback(kind, 0) as first:
        port = first.getsockname()[1]
        with sockets.loopback(kind, port) as second:
            assert second.getsockname()[1] != port


def test_without_a_predecessor_nothing_is_taken_over(tmp_path: Path) -> None:
    assert sockets.receive_all(tmp_path / "control.sock", 1) == {}
