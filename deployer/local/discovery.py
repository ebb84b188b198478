"""The router process: it answers Caddy's questions where an app is, and keeps Caddy running.

It outlives the server, so that apps serve while the server is down or upgraded. Exactly one runs
for a home folder. Started by deployer.local.keeper; imports little, to stay small.
"""

import argparse
import contextlib
import os
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import NoReturn, get_type_hints

from deployer.local import caddy, dns, pages, sockets
from deployer.local.priority import go_first
from deployer.local.proxy import CaddyFailed, Proxy, reserve_handles
from deployer.local.routes import RoutesFile
from deployer.local.state import Options, State, take_lock, write_pids

PAGE_THREADS = 4
HANDOVER_SECONDS = 10.0
UPGRADE_SECONDS = 35.0
"""How long a replaced Caddy may finish requests; a little more than its own grace period."""

RESTART_PAUSE_SECONDS = 0.05
FAILED = 3
"""The exit code of a start that cannot succeed when it is tried again."""


class RouterProcess:
    """The sockets, the responder and Caddy of one home folder."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.folder = options.folder
        self.routes = RoutesFile(self.folder / "routes.json")
        self.sockets = self._open_sockets(State.read(self.folder))
        self._guard = os.getpid()

    def start(self) -> None:
        """Answer, and bring Caddy up. Raises CaddyFailed when it does not come up."""
        write_pids(self._lock, self._guard, os.getpid())
        with self.routes.locked():
            self.routes.announce()
        in_thread(self._answer_dns)
        for _ in range(PAGE_THREADS):
            in_thread(pages.serve, self.sockets["pages"], self.routes.read)
        self._bring_caddy_up()
        in_thread(self._obey)

    def keep(self) -> None:
        """Keep Caddy running until told to stop."""
        self.proxy.keep(self._config(), self.sockets)

    def _open_sockets(self, before: State) -> sockets.Sockets:
        """Return all sockets. What may fail comes first: until then a predecessor goes on."""
        wanted = self.options.addresses
        opened = {
            name: sockets.listen_address(*wanted[name], beside=False)
            for name in wanted
            if before.addresses[name] != wanted[name]
        }
        taken = sockets.receive_all(self.folder / "control.sock", HANDOVER_SECONDS)
        self._lock = take_lock(self.folder / "router.lock")
        caddy_lives = Proxy(self.folder, "", before.caddy).is_alive()
        for name in wanted.keys() - opened.keys():
            opened[name] = taken.get(name) or sockets.listen_address(
                *wanted[name], beside=caddy_lives
            )
        opened["dns"] = taken.get("dns") or sockets.loopback(socket.SOCK_DGRAM, before.dns)
        opened["pages"] = taken.get("pages") or sockets.loopback(socket.SOCK_STREAM, before.pages)
        return opened

    def _bring_caddy_up(self) -> None:
        """Adopt the Caddy that runs if it is as wanted; else start one, then end the old one."""
        before = State.read(self.folder)
        old = self.proxy = Proxy(self.folder, self.options.binary, before.caddy)
        lives = old.is_alive()
        same_addresses = before.addresses == self.options.addresses
        if lives and same_addresses and old.has_config(self._config()):
            self._state().write(self.folder)
            return
        if lives:
            self.proxy = Proxy(self.folder, self.options.binary, old.number + 1)
        self.proxy.start(self._config(), self.sockets)
        self._state().write(self.folder)
        if lives:
            in_thread(old.stop, UPGRADE_SECONDS)

    def _config(self) -> caddy.Json:
        return caddy.config(
            folder=self.folder,
            logs=self.options.logs,
            admin=self.proxy.admin,
            dns_port=self._port("dns"),
            pages_port=self._port("pages"),
            api_port=self.options.api_port,
        )

    def _state(self) -> State:
        return State(
            dns=self._port("dns"),
            pages=self._port("pages"),
            caddy=self.proxy.number,
            host=self.options.host,
            http=self.options.http_port,
            https=self.options.https_port,
        )

    def _port(self, name: str) -> int:
        port: int = self.sockets[name].getsockname()[1]
        return port

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
        found = self.routes.read().find(hostname)
        if found and found[1].targets and not found[1].in_maintenance:
            return found[1].targets
        return [("127.0.0.1", self._port("pages"))]

    def _status(self) -> str:
        return f"{self.routes.read().serial} {self.options.stamp}"

    def _obey(self) -> NoReturn:
        """Take commands: `handover` from a successor, or `stop`."""
        control = sockets.control(self.folder / "control.sock")
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


def in_thread(work: Callable[..., object], *arguments: object) -> None:
    """Run the work beside, for as long as this process lives."""
    threading.Thread(target=work, args=arguments, daemon=True).start()


def main() -> None:
    """Run the router process; tell on standard output how the start went, then close it.

    It forks twice. Whoever started it has no child to wait for; and the second process is a guard
    that holds the sockets and forks a worker, again whenever the worker dies: questions wait in
    the socket meanwhile.
    """
    if os.fork():
        os._exit(0)
    _guard()


def _guard() -> NoReturn:
    reserve_handles()
    os.umask(0o077)
    sys.setswitchinterval(0.0005)
    go_first(os.getpid())
    try:
        process = RouterProcess(_parse(sys.argv[1:]))
    except (sockets.AddressTaken, TimeoutError) as error:
        _say(f"{type(error).__name__} {error}")
        os._exit(FAILED)
    while _run_worker(process) not in (0, FAILED):
        time.sleep(RESTART_PAUSE_SECONDS)
    os._exit(0)


def _run_worker(process: RouterProcess) -> int:
    """Fork a worker and return its exit code when it is gone."""
    worker = os.fork()
    if not worker:
        _work(process)
    os.dup2(2, 1)
    return os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1])


def _work(process: RouterProcess) -> NoReturn:
    threading.excepthook = _end_worker
    try:
        process.start()
    except CaddyFailed as error:
        _say(f"CaddyFailed {error}")
        os._exit(FAILED)
    _say("ready")
    process.keep()
    os._exit(0)


def _end_worker(failure: threading.ExceptHookArgs) -> NoReturn:
    """Let the guard start a new worker: one without all its threads is of no use."""
    sys.excepthook(failure.exc_type, failure.exc_value or failure.exc_type(), failure.exc_traceback)
    os._exit(1)


def _say(text: str) -> None:
    os.write(1, text.encode())
    os.dup2(2, 1)


def _parse(arguments: list[str]) -> Options:
    parser = argparse.ArgumentParser()
    for name, kind in get_type_hints(Options).items():
        parser.add_argument(f"--{name}", type=kind, required=True)
    return Options(**vars(parser.parse_args(arguments)))


if __name__ == "__main__":
    main()
