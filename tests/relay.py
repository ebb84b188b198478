"""A wire to the engine that can be cut, as when the engine restarts."""

import socket
import threading
from contextlib import suppress
from pathlib import Path

ENGINE = "/var/run/docker.sock"


class Relay:
    """A socket that hands all bytes to the engine and back, until it is cut."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._pairs: list[socket.socket] = []
        self.mend()

    @property
    def address(self) -> str:
        """Where to find the engine by this wire."""
        return f"unix://{self.path}"

    def mend(self) -> None:
        """Let the wire work again."""
        self.path.unlink(missing_ok=True)
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(str(self.path))
        self._server.listen()
        threading.Thread(target=self._accept, args=(self._server,), daemon=True).start()

    def cut(self) -> None:
        """Break all connections and take no new ones."""
        self.path.unlink()
        for one in (self._server, *self._pairs):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        self._pairs.clear()

    def _accept(self, server: socket.socket) -> None:
        while True:
            try:
                near, _ = server.accept()
            except OSError:
                return
            far = socket.socket(socket.AF_UNIX)
            far.connect(ENGINE)
            self._pairs += [near, far]
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=_pump, args=(source, sink), daemon=True).start()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while chunk := source.recv(65536):
            sink.sendall(chunk)
        sink.shutdown(socket.SHUT_WR)
