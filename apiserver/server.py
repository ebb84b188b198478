"""The server: uvicorn in a thread of its own, with an orderly and bounded stop."""

import socket
import threading
import time

import uvicorn

from apiserver.app import create_app
from apiserver.calls import Door
from empire.errors import Unavailable
from empire.platform import Platform
from empire.settings import Settings
from empire.store import Store

START_SECONDS = 20.0
STOP_SECONDS = 5.0
"""How long open requests may take to end when the server stops; streams end at once."""
MAX_CONNECTIONS = 2000
BACKLOG = 512


class ApiServer:
    """Serves the API on settings.listen_host and settings.api_port; port 0 takes any free one."""

    def __init__(self, settings: Settings, store: Store, platform: Platform) -> None:
        self._settings = settings
        app = create_app(settings, store, platform)
        self._door: Door = app.state.door
        self._server = uvicorn.Server(
            uvicorn.Config(
                app,
                loop="asyncio",
                http="h11",
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                limit_concurrency=MAX_CONNECTIONS,
                timeout_graceful_shutdown=int(STOP_SECONDS),
            )
        )
        self._socket: socket.socket | None = None
        self._thread: threading.Thread | None = None

    @property
    def port(self) -> int:
        """The port it listens on; known once it started."""
        assert self._socket is not None
        port: int = self._socket.getsockname()[1]
        return port

    def start(self) -> None:
        """Listen and serve; returns when requests are taken. Raises Unavailable for a taken port."""
        self._socket = _listening(self._settings.listen_host, self._settings.api_port)
        self._thread = threading.Thread(
            target=self._server.run, args=([self._socket],), name="api", daemon=True
        )
        self._thread.start()
        deadline = time.monotonic() + START_SECONDS
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > deadline:
                raise Unavailable("The API did not start.", fix="Look into the server's log.")
            time.sleep(0.005)

    def stop(self) -> None:
        """End open streams, let short requests finish, and close; takes STOP_SECONDS at most or so."""
        self._door.stopping.set()
        self._server.should_exit = True
        self._door.attachments.close()
        if self._thread:
            self._thread.join(STOP_SECONDS + 1)
            self._server.force_exit = True
            self._thread.join(2)
        if self._socket:
            self._socket.close()


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise Unavailable(
            f"The API cannot listen on {host} port {port}.",
            why=f"The system says: {error.strerror or error}.",
            fix="Stop what uses the port, or set EMPIRE_API_PORT to another one.",
        ) from None
    return listener
