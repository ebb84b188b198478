"""What the router process is told, what it leaves for its successor, and the locks of living ones."""

import fcntl
import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from empire.files import write_whole

LOCK_SECONDS = 10.0


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

    @property
    def addresses(self) -> dict[str, tuple[str, int]]:
        """Where visitors come in."""
        return {"http": (self.host, self.http_port), "https": (self.host, self.https_port)}


@dataclass(frozen=True, slots=True)
class State:
    """The ports of a router process, and the number of its Caddy; kept in state.json."""

    dns: int = 0
    pages: int = 0
    caddy: int = 0
    host: str = ""
    http: int = 0
    https: int = 0

    @property
    def addresses(self) -> dict[str, tuple[str, int]]:
        """Where visitors came in."""
        return {"http": (self.host, self.http), "https": (self.host, self.https)}

    @classmethod
    def read(cls, folder: Path) -> "State":
        """Return the state that was last written, or an empty one."""
        try:
            return cls(**json.loads((folder / "state.json").read_bytes()))
        except (FileNotFoundError, ValueError, TypeError):
            return cls()

    def write(self, folder: Path) -> None:
        """Keep it."""
        write_whole(folder / "state.json", json.dumps(asdict(self)).encode())


def is_locked(path: Path) -> bool:
    """Tell whether a living process holds the file's lock."""
    try:
        lock = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


def take_lock(path: Path, timeout_seconds: float = LOCK_SECONDS) -> int:
    """Hold the file's lock as long as this process or a child of it lives.

    Raises TimeoutError when another process keeps it.
    """
    lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + timeout_seconds
    while not _try_lock(lock):
        if time.monotonic() > deadline:
            os.close(lock)
            raise TimeoutError("another router process runs here")
        time.sleep(0.01)
    return lock


def is_free_within(path: Path, seconds: float) -> bool:
    """Wait until no living process holds the file's lock; tell whether it came to that."""
    deadline = time.monotonic() + seconds
    while is_locked(path):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def write_pids(lock: int, *pids: int) -> None:
    """Write into the locked file which processes hold it."""
    os.truncate(lock, 0)
    os.pwrite(lock, " ".join(map(str, pids)).encode(), 0)


def read_pids(path: Path) -> list[int]:
    """Return which processes hold the lock, or nothing when none does."""
    return [int(pid) for pid in path.read_text().split()] if is_locked(path) else []


def _try_lock(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
