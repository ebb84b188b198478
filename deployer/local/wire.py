"""Requests to the engine whose answers flow without end, for one thread that reads many of them.

The engine's client library gives each stream a thread. HTTP 1.0 is asked for, so what follows the
head is the stream itself, not chunks of it.
"""

import socket
from urllib.parse import urlsplit

from empire.errors import Unavailable

CONNECT_SECONDS = 5.0
READ_BYTES = 64 * 1024
_HEAD_END = b"\r\n\r\n"


class Stream:
    """One answer, read as it comes; `status` is known once the head was read."""

    def __init__(self, address: str, path: str) -> None:
        """Ask for the path. Raises OSError, or Unavailable for an address of another kind."""
        self.status = 0
        self._head = b""
        self.socket = _connected(address)
        request = f"GET {path} HTTP/1.0\r\nHost: engine\r\n\r\n"
        self.socket.sendall(request.encode())
        self.socket.setblocking(False)

    def read(self) -> bytes | None:
        """Return what came of the body, maybe nothing; None at the end."""
        try:
            received = self.socket.recv(READ_BYTES)
        except BlockingIOError:
            return b""
        except OSError:
            return None
        if not received:
            return None
        return received if self.status else self._body_after_head(received)

    def close(self) -> None:
        """Close the connection."""
        self.socket.close()

    def _body_after_head(self, received: bytes) -> bytes:
        self._head += received
        head, end, body = self._head.partition(_HEAD_END)
        if end:
            self.status = int(head.split(b" ", 2)[1])
        return body


def _connected(address: str) -> socket.socket:
    url = urlsplit(address)
    made = socket.socket(socket.AF_UNIX if url.scheme == "unix" else socket.AF_INET)
    made.settimeout(CONNECT_SECONDS)
    try:
        if url.scheme == "unix":
            made.connect(url.path)
        elif url.scheme in ("tcp", "http"):
            made.connect((url.hostname or "127.0.0.1", url.port or 2375))
        else:
            raise Unavailable(f"The logs of the engine at {address} cannot be followed.")
    except BaseException:
        made.close()
        raise
    return made
