"""The routes: which hostnames belong to which app, and where its dynos listen.

The server replaces the file, the router process reads it. Light on purpose: the router process
imports nothing outside the standard library.
"""

import fcntl
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from empire.files import write_whole


@dataclass(frozen=True, slots=True)
class Route:
    """An app's hostnames and the addresses of its web dynos, as pairs of IP address and port."""

    hostnames: tuple[str, ...]
    targets: tuple[tuple[str, int], ...]
    in_maintenance: bool = False


@dataclass(frozen=True)
class Routes:
    """All routes at one moment. `serial` grows with every change."""

    serial: int = 0
    apps: dict[str, Route] = field(default_factory=dict)

    @cached_property
    def hostnames(self) -> dict[str, tuple[str, Route]]:
        """Return the app and route of each hostname."""
        return {
            hostname: (app, route)
            for app, route in self.apps.items()
            for hostname in route.hostnames
        }

    def find(self, hostname: str) -> tuple[str, Route] | None:
        """Return the app and route of the hostname, else of the nearest wildcard above it."""
        found = self.hostnames.get(hostname)
        rest = hostname
        while found is None and (rest := rest.partition(".")[2]):
            found = self.hostnames.get(f"*.{rest}")
        return found

    def to_json(self) -> bytes:
        """Return what the file holds."""
        apps = {
            app: {name: getattr(route, name) for name in Route.__slots__}
            for app, route in self.apps.items()
        }
        return json.dumps({"serial": self.serial, "apps": apps}).encode()

    @classmethod
    def from_json(cls, content: bytes) -> "Routes":
        """Return the routes that the file holds."""
        stored: dict[str, Any] = json.loads(content)
        return cls(
            stored["serial"],
            {
                app: Route(
                    tuple(route["hostnames"]),
                    tuple((host, port) for host, port in route["targets"]),
                    route.get("in_maintenance", False),
                )
                for app, route in stored["apps"].items()
            },
        )


class RoutesFile:
    """The routes on disk: changed by one writer at a time, read by whoever looks."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen: tuple[int, int, int] | None = None
        self._routes = Routes()
        self._reading = threading.Lock()

    def read(self) -> Routes:
        """Return the present routes; parses the file only when it was replaced."""
        try:
            status = os.stat(self.path)  # noqa: PTH116 - a microsecond that each lookup pays
        except FileNotFoundError:
            return self._routes
        seen = (status.st_ino, status.st_mtime_ns, status.st_size)
        if seen == self._seen:
            return self._routes
        with self._reading:
            self._routes = Routes.from_json(self.path.read_bytes())
            self._seen = seen
        return self._routes

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep every other process and thread from changing the routes."""
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with open(self.path.with_suffix(".lock"), "wb") as lock:  # noqa: PTH123
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def write(self, apps: dict[str, Route]) -> Routes:
        """Put the apps' routes on disk with the next serial. Call it under locked()."""
        routes = Routes(self.read().serial + 1, apps)
        write_whole(self.path, routes.to_json())
        return routes

    def announce(self) -> None:
        """Let Caddy ask anew for every name. Call it under locked().

        Atomic but not durable: it is written again whenever the router process starts.
        """
        new = self.path.with_name(".generation.new")
        new.write_text(str(self.read().serial))
        new.replace(self.path.with_name("generation"))
