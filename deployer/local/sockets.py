"""The router's listening sockets: opened once, kept through crashes and upgrades.

A successor gets them from its predecessor over a Unix socket. After a predecessor was killed they
live on in Caddy only; the successor then binds its own beside them (SO_REUSEPORT), which take
connections only once they listen, that is when the next Caddy starts.
"""

import array
import socket
from pathlib import Path

BACKLOG = 4096
NAMES = ("http", "https", "dns", "pages")
Sockets = dict[str, socket.socket]


class AddressTaken(OSError):
    """Somebody else listens at an address of ours."""


def listen_address(host: str, port: int, *, beside: bool) -> socket.socket:
    """Return a bound TCP socket that does not listen yet.

    `beside` says that our own Caddy may hold the address already. Raises AddressTaken.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    if not beside:
        _require_free(family, host, port)
    bound = socket.socket(family)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise AddressTaken(f"{host}:{port}: {error.strerror}") from error
    return bound


def loopback(kind: socket.SocketKind, port: int) -> socket.socket:
    """Return a socket on loopback at the port, or at any free one when it is taken or 0."""
    bound = socket.socket(socket.AF_INET, kind)
    if kind == socket.SOCK_STREAM:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind(("127.0.0.1", port))
    except OSError:
        bound.bind(("127.0.0.1", 0))
    if kind == socket.SOCK_STREAM:
        bound.listen(BACKLOG)
    return bound


def control(path: Path) -> socket.socket:
    """Return a listening Unix socket for this user alone."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    path.chmod(0o600)
    listener.listen()
    return listener


def send_all(connection: socket.socket, sockets: Sockets) -> None:
    """Hand the sockets over."""
    handles = array.array("i", [sockets[name].fileno() for name in NAMES])
    connection.sendmsg([b"!"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, handles)])


def receive_all(control: Path, timeout_seconds: float) -> Sockets:
    """Take the sockets over from a predecessor, which exits; nothing when there is none."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(timeout_seconds)
        try:
            connection.connect(str(control))
            connection.sendall(b"handover\n")
            _, handles, _, _ = socket.recv_fds(connection, 1, len(NAMES))
        except OSError:
            return {}
    return {
        name: socket.socket(fileno=handle) for name, handle in zip(NAMES, handles, strict=False)
    }


def _require_free(family: socket.AddressFamily, host: str, port: int) -> None:
    with socket.socket(family) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((host, port))
            trial.listen()
        except OSError as error:
            raise AddressTaken(f"{host}:{port}: {error.strerror}") from error
