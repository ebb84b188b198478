"""Caddy's life: started, watched, started again when it dies, adopted from a predecessor.

Caddy inherits a locked file; the lock is free exactly when Caddy is gone, whoever started it.
"""

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

from deployer.local import caddy
from deployer.local.priority import go_first
from deployer.local.sockets import BACKLOG, Sockets
from deployer.local.state import is_free_within, is_locked
from empire.files import write_whole

START_SECONDS = 20.0
RESTART_PAUSE_SECONDS = 0.5
STOP_SECONDS = 5.0


class CaddyFailed(Exception):
    """Caddy did not come up; the text is what it said."""


def reserve_handles() -> None:
    """Keep Caddy's file numbers from being used by anything else in this process."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for handle in (caddy.HTTP_FD, caddy.HTTPS_FD, caddy.ALIVE_FD):
        os.dup2(nothing, handle)
    os.close(nothing)


class Proxy:
    """One Caddy process of a folder; `number` tells it from the one before and after."""

    def __init__(self, folder: Path, binary: str, number: int) -> None:
        self.folder = folder
        self.number = number
        self.admin = folder / f"caddy-{number}.sock"
        self._alive = folder / f"caddy-{number}.lock"
        self._config = folder / f"caddy-{number}.json"
        self._binary = binary
        self._process: subprocess.Popen[bytes] | None = None
        self._stopping = threading.Event()
        self._turn = threading.Lock()

    def is_alive(self) -> bool:
        """Tell whether this Caddy runs, whoever started it."""
        return is_locked(self._alive)

    def has_config(self, wanted: dict[str, Any]) -> bool:
        """Tell whether it was started with this configuration."""
        return self._config.exists() and json.loads(self._config.read_bytes()) == wanted

    def start(self, wanted: dict[str, Any], sockets: Sockets) -> None:
        """Start Caddy on the listening sockets; return when it serves. Raises CaddyFailed."""
        write_whole(self._config, json.dumps(wanted, indent=1).encode())
        self.admin.unlink(missing_ok=True)
        for name, handle in (("http", caddy.HTTP_FD), ("https", caddy.HTTPS_FD)):
            sockets[name].listen(BACKLOG)
            os.dup2(sockets[name].fileno(), handle)
        self._spawn()
        self._wait_until_up()

    def keep(self, wanted: dict[str, Any], sockets: Sockets) -> None:
        """Watch it and start it again whenever it dies, until stop() was called."""
        while not self._stopping.is_set():
            self._wait_until_gone()
            with self._turn:
                self._start_again(wanted, sockets)

    def stop(self, grace_seconds: float = STOP_SECONDS) -> None:
        """End it: let requests finish for the grace, then kill."""
        self._stopping.set()
        with self._turn:
            with contextlib.suppress(OSError):
                caddy.ask(self.admin, "POST", "/stop", grace_seconds)
            if not is_free_within(self._alive, grace_seconds):
                os.kill(int(self._alive.read_text()), signal.SIGKILL)
            self._wait_until_gone()
            for path in (self.admin, self._alive, self._config):
                path.unlink(missing_ok=True)

    def _start_again(self, wanted: dict[str, Any], sockets: Sockets) -> None:
        if self._stopping.is_set():
            return
        try:
            self.start(wanted, sockets)
        except CaddyFailed:
            self._stopping.wait(RESTART_PAUSE_SECONDS)

    def _spawn(self) -> None:
        lock = os.open(self._alive, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            os.dup2(lock, caddy.ALIVE_FD)
            self._process = self._run()
            go_first(self._process.pid)
            os.write(lock, str(self._process.pid).encode())
        finally:
            reserve_one(caddy.ALIVE_FD)
            os.close(lock)

    def _run(self) -> subprocess.Popen[bytes]:
        with open(self.folder / "caddy.out", "wb") as output:  # noqa: PTH123
            return subprocess.Popen(
                [self._binary, "run", "--config", str(self._config)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                env={"PATH": "/usr/bin:/bin", "HOME": str(self.folder)},
                pass_fds=(caddy.HTTP_FD, caddy.HTTPS_FD, caddy.ALIVE_FD),
                start_new_session=True,
            )

    def _wait_until_up(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            try:
                caddy.ask(self.admin, "GET", "/reverse_proxy/upstreams")
            except OSError:
                if not self.is_alive():
                    break
                time.sleep(0.01)
            else:
                return
        raise CaddyFailed((self.folder / "caddy.out").read_text(errors="replace")[-2000:])

    def _wait_until_gone(self) -> None:
        with contextlib.suppress(FileNotFoundError), open(self._alive, "rb") as lock:  # noqa: PTH123
            fcntl.flock(lock, fcntl.LOCK_EX)
        if self._process:
            self._process.wait()


def reserve_one(handle: int) -> None:
    """Put nothing behind one of Caddy's file numbers."""
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, handle)
    os.close(nothing)
