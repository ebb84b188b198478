"""The router's log: each request becomes a line of its app's log, in the form of Heroku's router."""

import json
import os
import time
from collections import defaultdict
from contextlib import suppress
from pathlib import Path
from typing import Any

from deployer.local import records
from deployer.local.dns import target_name
from deployer.local.logs import LocalLogs
from deployer.local.records import Record
from deployer.local.routes import Route, RoutesFile
from deployer.local.rows import Row, dyno_of
from empire.files import write_whole
from empire.names import AppName
from empire.settings import Settings

LOOK_SECONDS = 0.1
SAVE_SECONDS = 1.0
CHUNK_BYTES = 256 * 1024
CLOCK_SECONDS = 1.0
"""A request may be a little older than the second in which its dyno was made."""
ERRORS = {
    499: ("H27", "Client Request Interrupted"),
    502: ("H13", "Connection closed without response"),
    503: ("H10", "App crashed"),
    504: ("H12", "Request timeout"),
}
NO_PROCESS = ("H14", "No web processes running")
IN_MAINTENANCE = ("H80", "Maintenance mode")

Entry = dict[str, Any]


class Addresses:
    """Which dyno has, or had at last, which address."""

    def __init__(self) -> None:
        self._dynos: dict[str, tuple[str, str, float]] = {}

    def note(self, row: Row) -> None:
        """Remember the address of a listed container; one-offs take no requests."""
        if "empire.one_off" in row["Labels"]:
            return
        dyno = dyno_of(row)
        if dyno.target:
            name = f"{target_name(dyno.target.host)}:{dyno.target.port}"
            self._dynos[name] = (dyno.app, dyno.name, dyno.started_at)

    def dyno(self, upstream: str, app: str, at: float) -> str:
        """Return the app's dyno that had the upstream's address at that time, if it is known."""
        host, _, port = upstream.rpartition(":")
        found = self._dynos.get(f"{host.rstrip('.')}:{port}")
        if found and found[0] == app and found[2] <= at + CLOCK_SECONDS:
            return found[1]
        return ""


class AccessLog:
    """Follows the router's log through its rotations, and takes each line once.

    A line's origin is its place in the router's log; so after a crash, what is kept tells how far
    each app's lines were taken.
    """

    def __init__(self, settings: Settings, logs: LocalLogs, addresses: Addresses) -> None:
        self._path = settings.logs / "router.log"
        self._state = settings.logs / "apps" / ".router.json"
        self._routes = RoutesFile(settings.home / "router" / "routes.json")
        self._logs = logs
        self._addresses = addresses
        self._handle = -1
        self._inode = self._offset = self._kept_until = 0
        self._last: dict[str, tuple[int, int]] = {}
        self._looked_at = self._saved_at = 0.0
        self._is_saved = True

    def collect(self) -> None:
        """Take the lines that are new, if it is time to look."""
        if time.monotonic() - self._looked_at < LOOK_SECONDS:
            return
        while (self._handle >= 0 or self._open_first()) and (
            self._take(os.pread(self._handle, CHUNK_BYTES, self._offset)) or self._open_next()
        ):
            pass
        self._looked_at = time.monotonic()
        if not self._is_saved and self._looked_at - self._saved_at > SAVE_SECONDS:
            self.save()

    def save(self) -> None:
        """Write down how far it was read."""
        state = {"inode": self._inode, "offset": self._offset}
        write_whole(self._state, json.dumps(state).encode())
        self._saved_at, self._is_saved = time.monotonic(), True

    def close(self) -> None:
        """Write down how far it was read, and let go of the file."""
        if self._handle >= 0:
            self.save()
            os.close(self._handle)
            self._handle = -1

    def _take(self, content: bytes) -> bool:
        """Add the whole lines to the logs of their apps; tell whether there were any."""
        whole = content[: content.rfind(b"\n") + 1]
        if not whole:
            return False
        found: dict[AppName, list[Record]] = defaultdict(list)
        offset = self._offset
        for line in whole.split(b"\n")[:-1]:
            offset += len(line) + 1
            self._take_line(line, offset, found)
        try:
            for app, lines in found.items():
                self._logs.append(app, lines)
        except OSError:
            # Some are kept; when these lines are tried again, the logs tell which.
            self._last.clear()
            self._kept_until = offset
            raise
        self._offset, self._is_saved = offset, False
        return True

    def _take_line(self, line: bytes, offset: int, found: dict[AppName, list[Record]]) -> None:
        with suppress(ValueError, KeyError, TypeError):  # half a line of a Caddy that was killed
            entry = json.loads(line)
            host = entry["request"]["host"].lower().partition(":")[0].rstrip(".")
            if not (known := self._routes.read().hostnames.get(host)):
                return
            app = AppName(known[0])
            if offset <= self._kept_until and (self._inode, offset) <= self._last_of(app):
                return
            dyno = self._addresses.dyno(entry.get("upstream") or "", app, entry["ts"])
            origin = b"%x.%x" % (self._inode, offset)
            text = told(entry, dyno, known[1]).encode("utf-8", "replace")
            found[app].append(Record(records.stamp(entry["ts"]), b"router", b"", origin, text))

    def _last_of(self, app: AppName) -> tuple[int, int]:
        """Return the last place from which a line of this file is kept for the app."""
        if app not in self._last:
            inode, _, offset = self._logs.last_origin(app, b"router").partition(b".")
            is_here = offset and int(inode, 16) == self._inode
            self._last[app] = (self._inode, int(offset, 16) if is_here else 0)
        return self._last[app]

    def _open_first(self) -> bool:
        """Open the file where an earlier server stopped, or else the present one at its begin."""
        try:
            state = json.loads(self._state.read_bytes())
        except (FileNotFoundError, ValueError):
            state = {"inode": 0, "offset": 0}
        path = next((path for path in self._files() if _inode(path) == state["inode"]), self._path)
        if not self._open(path):
            return False
        size = os.fstat(self._handle).st_size
        if self._inode == state["inode"] and state["offset"] <= size:
            self._offset = state["offset"]
        self._kept_until = size
        return True

    def _open_next(self) -> bool:
        """Open the file that came after this one, if this one is done; tell whether so."""
        if _inode(self._path) in (0, self._inode):
            return False
        if self._take(os.pread(self._handle, CHUNK_BYTES, self._offset)):
            return True  # written just before the rotation
        files = self._files()
        mine = next((n for n, path in enumerate(files) if _inode(path) == self._inode), -2)
        os.close(self._handle)
        self._handle, self._kept_until = -1, 0
        if not self._open(files[mine + 1] if mine >= 0 else self._path):
            return False
        self.save()
        return True

    def _open(self, path: Path) -> bool:
        try:
            self._handle = os.open(path, os.O_RDONLY)
        except FileNotFoundError:
            return False
        self._inode, self._offset = os.fstat(self._handle).st_ino, 0
        return True

    def _files(self) -> list[Path]:
        """Return the rotated files, oldest first, and the present one."""
        rotated = self._path.parent.glob(f"{self._path.stem}-*{self._path.suffix}")
        return [*sorted(rotated), self._path]


def told(entry: Entry, dyno: str, route: Route) -> str:
    """Return a line of Caddy's log as Heroku's router says it."""
    asked, status = entry["request"], entry["status"]
    total_ms = entry["duration"] * 1000
    service_ms = entry.get("service_ms") or 0
    return (
        f"{_head(status, dyno, route)} method={asked['method']} path={json.dumps(asked['uri'])} host={asked['host']} "
        f'request_id={entry.get("uuid", "")} fwd="{asked["client_ip"]}" dyno={dyno} '
        f"connect={max(0, total_ms - service_ms) if dyno else 0:.0f}ms "
        f"service={service_ms or total_ms:.0f}ms status={status} bytes={entry['size']} "
        f"protocol={'https' if asked.get('tls') or entry.get('scheme') == 'https' else 'http'}"
    )


def _head(status: int, dyno: str, route: Route) -> str:
    error = ERRORS.get(status) if status == 499 or not dyno else None
    if status == 503 and not dyno and route.in_maintenance:
        error = IN_MAINTENANCE
    elif status == 503 and not dyno and not route.targets:
        error = NO_PROCESS
    return f'at=error code={error[0]} desc="{error[1]}"' if error else "at=info"


def _inode(path: Path) -> int:
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return 0
