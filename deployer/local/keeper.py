"""Keeps the router process running: starts it, adopts it, replaces it when the code changed."""

import contextlib
import functools
import hashlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import structlog

from deployer.local import caddy, dns, errors
from deployer.local.proxy import Proxy
from deployer.local.state import Options, State, is_free_within, is_locked, read_pids
from empire.settings import Settings

START_SECONDS = 60.0
ASK_SECONDS = 0.3
SILENT_SECONDS = 5.0
"""A router process that lives but says nothing for so long is killed and started again."""
WATCH_SECONDS = 1.0
STOP_SECONDS = 15.0
LONGEST_SOCKET, SOCKET_PATH_MAX = "caddy-10000.sock", 107
"""What the kernel allows (unix(7)), and what Caddy and we need below the home folder."""
ENDING_SECONDS = 2.0
STAMPED = (
    "caddy", "discovery", "dns", "pages", "priority", "proxy", "routes", "sockets", "state",
)  # fmt: skip
"""The modules that the router process is made of."""

log = structlog.get_logger()


class Keeper:
    """The server's side of the router process of one home folder."""

    environment: ClassVar[Mapping[str, str]] = {"PATH": "/usr/bin:/bin"}

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.folder = settings.home / "router"
        self._starting = threading.Lock()

    def ensure_running(self) -> None:
        """Have a router process of this code and these settings. Raises Unavailable."""
        if len(str(self.folder / LONGEST_SOCKET)) > SOCKET_PATH_MAX:
            raise errors.path_too_long(self.settings.home)
        with self._starting:
            stamp = self._patient_stamp()
            if stamp == self.options.stamp:
                return
            if stamp is None:
                kill(self.folder)
            self._start()

    def watch(self, stopping: threading.Event) -> None:
        """Look after the router process, each second, until stopping is set."""
        while not stopping.wait(WATCH_SECONDS):
            try:
                self.ensure_running()
            except Exception:
                log.exception("router not running")

    def wait_until_read(self, serial: int) -> None:
        """Return when the responder answers from these routes, or newer ones. Raises Unavailable.

        Announced to a dead responder, a new generation would leave Caddy without an answer.
        """
        for _ in range(3):
            status = self._status()
            if status and status[0] >= serial:
                return
            self.ensure_running()
        raise errors.router_silent()

    def in_flight(self, upstreams: set[str]) -> int:
        """Return how many requests are under way to these upstreams; 0 when Caddy is away."""
        admin = Proxy(self.folder, "", State.read(self.folder).caddy).admin
        try:
            counts = caddy.in_flight(admin)
        except OSError:
            return 0
        return sum(counts.get(name, 0) for name in upstreams)

    @functools.cached_property
    def options(self) -> Options:
        """What the router process is told. Raises Unavailable when there is no caddy."""
        binary = caddy.binary()
        if not binary:
            raise errors.caddy_missing()
        wanted = self.settings
        given = {
            "folder": self.folder,
            "logs": wanted.logs,
            "host": wanted.listen_host,
            "http_port": wanted.http_port,
            "https_port": wanted.https_port,
            "api_port": wanted.api_port,
            "binary": binary,
        }
        return Options(**given, stamp=_stamp(Path(binary), repr(given)))  # type: ignore[arg-type]

    def _patient_stamp(self) -> str | None:
        """Return the stamp of the process that answers; one that lives is given some time."""
        deadline = time.monotonic() + SILENT_SECONDS
        while True:
            if status := self._status():
                return status[1]
            if not is_locked(self.folder / "router.lock") or time.monotonic() > deadline:
                return None

    def _status(self) -> tuple[int, str] | None:
        """Return the responder's serial and stamp, or nothing when it does not answer."""
        port = State.read(self.folder).dns
        if not port:
            return None
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.settimeout(ASK_SECONDS)
            try:
                asking.connect(("127.0.0.1", port))
                asking.send(dns.question(dns.STATUS, dns.TXT))
                serial, _, stamp = dns.read_text(asking.recv(1500)).partition(" ")
            except (OSError, IndexError):
                return None
        return int(serial), stamp

    def _start(self) -> None:
        said = self._spawn()
        if said != b"ready":
            raise errors.router_failed(said.decode(errors="replace"), self.settings)
        log.info("router started")

    def _spawn(self) -> bytes:
        """Start the process and return what it says until it closes its standard output."""
        options = self.options
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        options.logs.mkdir(parents=True, exist_ok=True)
        given = [f"--{name}={getattr(options, name)}" for name in Options.__slots__]
        with (options.logs / "router.out").open("ab") as output:
            started = subprocess.run(
                [sys.executable, "-m", "deployer.local.discovery", *given],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=output,
                cwd="/",
                env={**self.environment, "PYTHONPATH": _import_path()},
                start_new_session=True,
                timeout=START_SECONDS,
                check=False,
            )
        return started.stdout


def shutdown(home: Path) -> None:
    """End the router process and Caddy of a home folder; apps no longer answer."""
    folder = home / "router"
    with socket.socket(socket.AF_UNIX) as control, contextlib.suppress(OSError):
        control.settimeout(STOP_SECONDS)
        control.connect(str(folder / "control.sock"))
        control.sendall(b"stop\n")
        control.recv(1)
        is_free_within(folder / "router.lock", ENDING_SECONDS)
    kill(folder)
    for lock in folder.glob("caddy-*.lock"):
        Proxy(folder, "", int(lock.stem.partition("-")[2])).stop()


def kill(folder: Path) -> None:
    """Kill the router process of the folder, guard first, if one lives. Caddy stays."""
    for pid in read_pids(folder / "router.lock"):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    is_free_within(folder / "router.lock", ENDING_SECONDS)


def _import_path() -> str:
    """Return where the child finds the code that runs here."""
    return str(Path(__file__).parents[2])


def _stamp(binary: Path, options: str) -> str:
    """Return eight digits that change with the code, the options and Caddy."""
    digest = hashlib.sha256(options.encode())
    for name in STAMPED:
        digest.update(Path(__file__).with_name(f"{name}.py").read_bytes())
    status = binary.stat()
    digest.update(f"{status.st_size} {status.st_mtime_ns}".encode())
    return digest.hexdigest()[:16]
