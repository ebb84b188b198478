"""The SSH server: listens, counts connections, ends those that are silent, stops in order."""

import contextlib
import logging
import socket
import threading
import time
from collections import Counter

import structlog
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from paramiko import Ed25519Key

from empire.files import write_once
from empire.platform import Platform
from empire.settings import Settings
from empire.store import Store
from gitserver import errors
from gitserver.call import Activity, Door
from gitserver.repositories import Repositories
from gitserver.session import Session
from gitserver.transport import SshTransport, turn_away

log = structlog.get_logger()

WATCH_SECONDS = 0.5
STOP_SECONDS = 5.0


class GitServer:
    """Git over SSH for one store and its repositories."""

    def __init__(
        self, settings: Settings, store: Store, sources: Repositories, platform: Platform
    ) -> None:
        self._settings = settings
        self._door = Door(settings, store, sources, platform)
        self._listener: socket.socket | None = None
        self._connections: set[Connection] = set()
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []

    @property
    def port(self) -> int:
        """The port that it listens on."""
        assert self._listener
        port: int = self._listener.getsockname()[1]
        return port

    def start(self) -> None:
        """Listen; returns at once."""
        # A stranger who speaks no SSH is no news; what matters is logged by the session.
        logging.getLogger("paramiko").setLevel(logging.CRITICAL)
        self._key = host_key(self._settings)
        self._listener = _listen(self._settings.listen_host, self._settings.ssh_port)
        for name, loop in (("ssh-accept", self._accept), ("ssh-watch", self._watch)):
            thread = threading.Thread(target=loop, name=name, daemon=True)
            thread.start()
            self._threads.append(thread)
        log.info("git server listens", host=self._settings.listen_host, port=self.port)

    def stop(self) -> None:
        """Take no more connections, tell those that are open, and return within seconds."""
        self._stopping.set()
        if self._listener:
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
        deadline = time.monotonic() + STOP_SECONDS
        connections = self._open()
        for connection in connections:
            connection.transport.hang_up(errors.stopping())
        served = [thread for connection in connections for thread in connection.threads()]
        for thread in [*self._threads, *served]:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _accept(self) -> None:
        assert self._listener
        while not self._stopping.is_set():
            try:
                sock, address = self._listener.accept()
            except OSError:
                if self._stopping.is_set():
                    return
                time.sleep(0.1)  # out of file descriptors: give others time to close theirs
                continue
            self._welcome(sock, str(address[0]))

    def _welcome(self, sock: socket.socket, address: str) -> None:
        refusal = self._refusal(address)
        if refusal:
            threading.Thread(target=turn_away, args=(sock, refusal), daemon=True).start()
            return
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        try:
            connection = Connection(self._door, sock, address)
            with self._lock:
                self._connections.add(connection)
            connection.start(self._key)
        except Exception:
            log.exception("ssh connection not started")
            sock.close()

    def _refusal(self, address: str) -> str:
        places = Counter(connection.address for connection in self._open())
        if places.total() >= self._settings.ssh_max_connections:
            return errors.too_many_connections()
        if places[address] >= self._settings.ssh_max_connections_per_address:
            return errors.too_many_from_address()
        return ""

    def _open(self) -> list["Connection"]:
        with self._lock:
            self._connections = {item for item in self._connections if item.transport.is_alive()}
            return list(self._connections)

    def _watch(self) -> None:
        while not self._stopping.wait(WATCH_SECONDS):
            for connection in self._open():
                connection.look(time.monotonic())


class Connection:
    """One client's connection and its clocks."""

    def __init__(self, door: Door, sock: socket.socket, address: str) -> None:
        self.address = address
        self.activity = Activity()
        self.transport = SshTransport(sock, door.settings.ssh_auth_tries)
        self._settings = door.settings
        self._began_at = time.monotonic()
        self._session = Session(door, self.transport, self.activity)

    def start(self, key: Ed25519Key) -> None:
        """Begin the handshake; the transport's thread carries it on."""
        self.transport.add_server_key(key)
        self.transport.start_server(event=threading.Event(), server=self._session)

    def threads(self) -> list[threading.Thread]:
        """Return the threads that serve it."""
        return [self.transport, *self._session.threads()]

    def look(self, now: float) -> None:
        """End the connection when the client had its time."""
        if not self.transport.is_authenticated():
            if now - self._began_at > self._settings.ssh_auth_seconds:
                self.transport.hang_up(errors.authentication_took_too_long())
            return
        heard = max(self.transport.packets.heard_at, self.activity.moved_at)
        if not self.activity.is_working and now - heard > self._settings.ssh_idle_seconds:
            self.transport.hang_up(errors.idle_too_long())


def host_key(settings: Settings) -> Ed25519Key:
    """Return the server's key, made once."""
    write_once(settings.home / "host_key", _new_key)
    return Ed25519Key.from_private_key_file(str(settings.home / "host_key"))


def _new_key() -> bytes:
    return Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.OpenSSH,
        serialization.NoEncryption(),
    )


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family, backlog=256)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return listener
