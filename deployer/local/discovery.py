"""The router process: it answers Caddy's questions where an app is, and keeps Caddy running.

It outlives the server, so that apps serve while the server is down or upgraded. Exactly one runs
for a home folder. Started by deployer.local.router; imports little, to stay small.
"""

import argparse
import contextlib
import fcntl
import json
import os
import socket
import struct
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, get_type_hints

from deployer.local import caddy, dns, pages, sockets
from deployer.local.proxy import CaddyFailed, Proxy, reserve_handles
from deployer.local.routes import RoutesFile
from empire.files import write_whole

PAGE_THREADS = 4
HANDOVER_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Options:
    """What the server says on the command line. `stamp` names the code and options as a whole."""

    folder: Path
    logs: Path
    host: str
    http_port: int
    https_port: int
    api_port: int
    binary: str
    stamp: str


@dataclass(frozen=True, slots=True)
class State:
    """What a successor and the server must know; kept in state.json."""

    dns: int = 0
    pages: int = 0
    caddy: int = 0
    host: str = ""
    http: int = 0
    https: int = 0

    @classmethod
    def read(cls, folder: Path) -> "State":
        """Return the state that was last written, or an empty one."""
        try:
            return cls(**json.loads((folder / "state.json").read_bytes()))
        except (FileNotFoundError, ValueError, TypeError):
            return cls()

    def write(self, folder: Path) -> None:
        """Keep it."""
        fields = {name: getattr(self, name) for name in self.__slots__}
        write_whole(folder / "state.json", json.dumps(fields).encode())


class RouterProcess:
    """The sockets, the responder and Caddy of one home folder."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.routes = RoutesFile(options.folder / "routes.json")
        before = State.read(options.folder)
        self.sockets = self._take_sockets()
        self._lock = take_lock(options.folder / "router.lock")
        self.sockets |= self._open_sockets(before)
        self.proxy = Proxy(options.folder, options.binary, before.caddy)
        self._before = before

    def start(self) -> None:
        """Answer, and bring Caddy up. Raises CaddyFailed when it does not come up."""
        with self.routes.locked():
            self.routes.announce()
        self._thread(self._answer_dns)
        for _ in range(PAGE_THREADS):
            self._thread(pages.serve, self.sockets["pages"], self.routes.read)
        self._bring_caddy_up()
        self._thread(self._obey)

    def keep(self) -> None:
        """Keep Caddy running until told to stop."""
        self.proxy.keep(self._config(), self.sockets)

    def _take_sockets(self) -> sockets.Sockets:
        taken = sockets.receive_all(self.options.folder / "control.sock", HANDOVER_SECONDS)
        kept: sockets.Sockets = {name: taken[name] for name in ("dns", "pages") if name in taken}
        for name, port in (("http", self.options.http_port), ("https", self.options.https_port)):
            if name in taken and taken[name].getsockname()[:2] == (self.options.host, port):
                kept[name] = taken[name]
        for name in taken.keys() - kept.keys():
            taken[name].close()
        return kept

    def _open_sockets(self, before: State) -> sockets.Sockets:
        wanted = self.options
        caddy_lives = Proxy(wanted.folder, wanted.binary, before.caddy).is_alive()
        opened: sockets.Sockets = {}
        for name, port, former in (
            ("http", wanted.http_port, before.http),
            ("https", wanted.https_port, before.https),
        ):
            if name not in self.sockets:
                beside = caddy_lives and (before.host, former) == (wanted.host, port)
                opened[name] = sockets.listen_address(wanted.host, port, beside=beside)
        if "dns" not in self.sockets:
            opened["dns"] = sockets.loopback(socket.SOCK_DGRAM, before.dns)
        if "pages" not in self.sockets:
            opened["pages"] = sockets.loopback(socket.SOCK_STREAM, before.pages)
        return opened

    def _config(self) -> dict[str, object]:
        return caddy.config(
            folder=self.options.folder,
            logs=self.options.logs,
            admin=self.proxy.admin,
            dns_port=self.sockets["dns"].getsockname()[1],
            pages_port=self.sockets["pages"].getsockname()[1],
            api_port=self.options.api_port,
        )

    def _state(self) -> State:
        host, http = self.sockets["http"].getsockname()[:2]
        return State(
            dns=self.sockets["dns"].getsockname()[1],
            pages=self.sockets["pages"].getsockname()[1],
            caddy=self.proxy.number,
            host=host,
            http=http,
            https=self.sockets["https"].getsockname()[1],
        )

    def _bring_caddy_up(self) -> None:
        """Adopt the Caddy that runs if it is as wanted; else start one, then end the old one."""
        old = self.proxy
        lives = old.is_alive()
        if lives and old.has_config(self._config()) and self._same_addresses():
            self._state().write(self.options.folder)
            return
        if lives:
            self.proxy = Proxy(self.options.folder, self.options.binary, old.number + 1)
        self.proxy.start(self._config(), self.sockets)
        self._state().write(self.options.folder)
        if lives:
            old.stop()

    def _same_addresses(self) -> bool:
        now, before = self._state(), self._before
        return (now.host, now.http, now.https) == (before.host, before.http, before.https)

    def _answer_dns(self) -> NoReturn:
        asked = self.sockets["dns"]
        while True:
            query, sender = asked.recvfrom(1500)
            with contextlib.suppress(OSError, ValueError, IndexError, struct.error):
                asked.sendto(dns.answer(query, self._find, self._status), sender)

    def _find(self, hostname: str) -> Sequence[tuple[str, int]]:
        """Return where the hostname's requests go: without a dyno, to our own pages.

        Never nothing: Caddy would let the request wait for seconds.
        """
        found = self.routes.read().hostnames.get(hostname)
        if found and found[1].targets:
            return found[1].targets
        return [("127.0.0.1", self.sockets["pages"].getsockname()[1])]

    def _status(self) -> str:
        return f"{self.routes.read().serial} {self.options.stamp}"

    def _obey(self) -> NoReturn:
        """Take commands of the server: `handover` to a successor, or `stop`."""
        path = self.options.folder / "control.sock"
        path.unlink(missing_ok=True)
        control = socket.socket(socket.AF_UNIX)
        control.bind(str(path))
        path.chmod(0o600)
        control.listen()
        while True:
            connection, _ = control.accept()
            with connection, contextlib.suppress(OSError):
                connection.settimeout(HANDOVER_SECONDS)
                command = connection.recv(64)
                if command == b"handover\n":
                    sockets.send_all(connection, self.sockets)
                    os._exit(0)
                if command == b"stop\n":
                    self.proxy.stop()
                    os._exit(0)

    def _thread(self, work: object, *arguments: object) -> None:
        threading.Thread(target=work, args=arguments, daemon=True).start()  # type: ignore[arg-type]


def take_lock(path: Path, timeout_seconds: float = HANDOVER_SECONDS) -> int:
    """Hold the file's lock as long as this process lives. Raises TimeoutError."""
    lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + timeout_seconds
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise TimeoutError("another router process runs here") from None
            time.sleep(0.01)
        else:
            os.truncate(lock, 0)
            os.write(lock, str(os.getpid()).encode())
            return lock


def main() -> None:
    """Run the router process; tell through the `--ready` file number how the start went.

    It forks first: whoever started it has no child to wait for.
    """
    if os.fork():
        os._exit(0)
    reserve_handles()
    os.umask(0o077)
    sys.setswitchinterval(0.0005)
    options, ready = _parse(sys.argv[1:])
    options.folder.mkdir(parents=True, exist_ok=True)
    try:
        process = RouterProcess(options)
        process.start()
    except (sockets.AddressTaken, CaddyFailed, TimeoutError) as error:
        os.write(ready, f"{type(error).__name__} {error}".encode())
        sys.exit(1)
    os.write(ready, b"ready")
    os.close(ready)
    process.keep()


def _parse(arguments: list[str]) -> tuple[Options, int]:
    parser = argparse.ArgumentParser()
    parser.add_argument("--ready", type=int, required=True)
    for name, kind in get_type_hints(Options).items():
        parser.add_argument(f"--{name}", type=kind, required=True)
    given = vars(parser.parse_args(arguments))
    ready = given.pop("ready")
    return Options(**given), ready


if __name__ == "__main__":
    main()
