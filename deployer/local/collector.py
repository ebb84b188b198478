"""Brings the logs of all dynos into our own files, and the router's: one thread, however many there are.

What is kept is known from the kept log itself, so a server that was killed takes up each line after
the last one that it wrote, and none twice.
"""

import contextlib
import heapq
import json
import os
import resource
import selectors
import threading
import time
from collections import defaultdict
from operator import attrgetter
from typing import Any
from urllib.parse import urlencode

import requests
import structlog
from docker.errors import DockerException

from deployer.local.access import AccessLog, Addresses
from deployer.local.engine import Engine
from deployer.local.followed import Followed
from deployer.local.happenings import ACTIONS, Happenings
from deployer.local.logs import LocalLogs
from deployer.local.records import Record
from deployer.local.wire import Stream
from empire.errors import Unavailable
from empire.names import AppName
from empire.settings import Settings

TICK_SECONDS = 0.1
"""How often to look at the router's log."""
GATHER_SECONDS = 0.01
"""A pause in which lines gather, so that many are taken at a time."""
RETRY_SECONDS = 0.5
DRAIN_SECONDS = 1.5
"""How long the removal of a container waits for its last lines."""
CLOSE_SECONDS = 5.0
ASKED_AT_ONCE = 50
MOST_HANDLES = 65536
RUNNING = ("running", "paused")
AWAY = (Unavailable, DockerException, requests.RequestException, OSError)

log = structlog.get_logger()


class Collector:
    """Collects the logs of one server's apps from `start` to `close`."""

    def __init__(self, settings: Settings, logs: LocalLogs) -> None:
        self._logs = logs
        self._engine = Engine(settings)
        # Dynos and those one-offs whose output nobody else has.
        self._labels = [f"empire.instance={settings.instance}", "empire.process"]
        self._addresses = Addresses()
        self._access = AccessLog(settings, logs, self._addresses)
        self._happenings = Happenings()
        self._selector = selectors.DefaultSelector()
        self._followed: dict[str, Followed] = {}
        self._due: dict[str, float] = {}
        """When to look at which container; "" is all of them."""
        self._events: Stream | None = None
        self._events_held = b""
        self._events_due = 0.0
        self._is_told = False
        self._waiting: dict[str, list[threading.Event]] = defaultdict(list)
        self._drains: list[tuple[str, threading.Event]] = []
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="logs", daemon=True)
        self._ear, self._mouth = os.pipe()
        self._began_at = time.time()

    def start(self) -> None:
        """Begin to collect, also what was written while nobody did."""
        allow_many_handles()
        os.set_blocking(self._ear, False)
        self._selector.register(self._ear, selectors.EVENT_READ)
        self._thread.start()

    def close(self) -> None:
        """End; what is written from now on is collected by the next server."""
        self._closing.set()
        if self._thread.is_alive():
            self._wake()
            self._thread.join(CLOSE_SECONDS)
        os.close(self._ear)
        os.close(self._mouth)
        self._engine.close()

    def drain(self, container: str) -> None:
        """Return when all that an ended container wrote is kept, or after DRAIN_SECONDS."""
        if not self._thread.is_alive():
            return
        done = threading.Event()
        self._drains.append((container, done))
        self._wake()
        done.wait(DRAIN_SECONDS)

    def _run(self) -> None:
        try:
            while not self._closing.is_set():
                try:
                    self._round()
                except Exception:
                    log.exception("logs could not be collected")
                    self._closing.wait(RETRY_SECONDS)
        finally:
            self._hang_up()

    def _round(self) -> None:
        self._take_drains()
        self._listen()
        self._look()
        found: dict[AppName, list[tuple[Followed, list[Record]]]] = defaultdict(list)
        for key, _ in self._selector.select(self._patience()):
            if key.data is None:
                os.read(self._ear, 1024)
            elif isinstance(key.data, Followed):
                self._receive(key.data, found[key.data.app])
            else:
                self._hear()
        for app, parts in found.items():
            self._keep(app, parts)
        self._access.collect()
        if found:
            self._closing.wait(GATHER_SECONDS)

    def _receive(self, one: Followed, parts: list[tuple[Followed, list[Record]]]) -> None:
        found = one.read()
        if found:
            parts.append((one, found))
        elif found is None:
            self._end(one)

    def _keep(self, app: AppName, parts: list[tuple[Followed, list[Record]]]) -> None:
        """Write what came, by time, without changing the order of any dyno's lines."""
        lines = heapq.merge(*(found for _, found in parts), key=attrgetter("stamp"))
        if not self._write(app, list(lines)):
            for one, _ in parts:
                self._leave(one)
                self._due[one.id] = time.monotonic() + RETRY_SECONDS
            return
        for one, found in parts:
            one.kept(found)

    def _write(self, app: AppName, lines: list[Record]) -> bool:
        try:
            self._logs.append(app, lines)
        except OSError as error:
            log.warning("a log could not be written", app=app, error=str(error))
            return False
        return True

    def _end(self, one: Followed) -> None:
        self._unhook(one)
        last = one.close()
        if one.is_settled and self._write(one.app, last):
            self._release(one.id)
        else:
            one.is_settled = False
            self._due[one.id] = time.monotonic() + one.pause()

    def _listen(self) -> None:
        """Have a stream of the engine's events; after a pause without one look at everything."""
        if self._events or time.monotonic() < self._events_due:
            return
        filters = {"type": ["container"], "event": ACTIONS, "label": self._labels}
        try:
            self._events = Stream(
                self._engine.address, f"/events?{urlencode({'filters': json.dumps(filters)})}"
            )
        except AWAY as error:
            if not self._is_told:  # once, not at every try: the engine may be away for long
                log.warning("the engine's logs cannot be read", error=str(error))
            self._is_told, self._events_due = True, time.monotonic() + RETRY_SECONDS
            return
        self._is_told, self._events_held = False, b""
        self._selector.register(self._events.socket, selectors.EVENT_READ, self._events)
        self._due[""] = 0.0

    def _hear(self) -> None:
        assert self._events is not None
        received = self._events.read()
        if received is None:
            self._selector.unregister(self._events.socket)
            self._events.close()
            self._events, self._events_due = None, time.monotonic() + RETRY_SECONDS
            return
        *lines, self._events_held = (self._events_held + received).split(b"\n")
        for line in lines:
            self._take_event(json.loads(line))

    def _take_event(self, event: dict[str, Any]) -> None:
        container, action = event["Actor"]["ID"], event["Action"].partition(":")[0]
        if told := self._happenings.told(event):
            self._write(AppName(event["Actor"]["Attributes"]["empire.app"]), told)
        if action == "start":
            self._look_again(container)
        elif action == "destroy":
            self._forget(container)

    def _look_again(self, container: str) -> None:
        if container in self._followed:
            self._followed[container].is_settled = False
        self._due[container] = 0.0

    def _take_drains(self) -> None:
        while self._drains:
            container, done = self._drains.pop()
            self._waiting[container].append(done)
            self._look_again(container)

    def _look(self) -> None:
        """Look at the containers that it is time for, and read those that are to be read."""
        now = time.monotonic()
        due = [container for container, at in self._due.items() if at <= now]
        if not due:
            return
        try:
            rows = self._rows(due)
        except AWAY:
            self._due |= dict.fromkeys(due, now + RETRY_SECONDS)
            return
        for container in due:
            del self._due[container]
        seen = {row["Id"] for row in rows}
        for container in set(self._followed) if "" in due else set(due):
            if container not in seen:
                self._forget(container)
        for row in rows:
            self._see(row)

    def _rows(self, due: list[str]) -> list[dict[str, Any]]:
        filters: dict[str, Any] = {"label": self._labels}
        if "" not in due and len(due) <= ASKED_AT_ONCE:
            filters["id"] = due
        rows: list[dict[str, Any]] = self._engine.api.containers(all=True, filters=filters)
        return rows

    def _see(self, row: dict[str, Any]) -> None:
        is_ended = row["State"] not in RUNNING
        self._addresses.note(row)
        if row["Id"] not in self._followed:
            is_new = row["Created"] > self._began_at
            self._followed[row["Id"]] = Followed(row, is_new)
        one = self._followed[row["Id"]]
        if one.stream or (is_ended and one.is_settled):
            return
        try:
            stream = one.open(self._engine.address, self._logs, is_ended=is_ended)
        except AWAY:
            self._due[one.id] = time.monotonic() + RETRY_SECONDS
            return
        self._selector.register(stream.socket, selectors.EVENT_READ, one)

    def _forget(self, container: str) -> None:
        """Drop what is not on the engine any more, once its stream has ended by itself."""
        one = self._followed.get(container)
        if one is None or one.stream is None:
            self._followed.pop(container, None)
            self._due.pop(container, None)
            self._release(container)

    def _leave(self, one: Followed) -> None:
        if one.stream:
            self._unhook(one)
            one.close()

    def _unhook(self, one: Followed) -> None:
        assert one.stream is not None
        self._selector.unregister(one.stream.socket)
        one.stream.close()

    def _release(self, container: str) -> None:
        for done in self._waiting.pop(container, ()):
            done.set()

    def _patience(self) -> float:
        next_due = min(self._due.values(), default=float("inf")) - time.monotonic()
        return max(0.0, min(TICK_SECONDS, next_due))

    def _wake(self) -> None:
        with contextlib.suppress(OSError):
            os.write(self._mouth, b".")

    def _hang_up(self) -> None:
        self._access.close()
        for one in self._followed.values():
            self._leave(one)
        if self._events:
            self._events.close()
        self._selector.close()


def allow_many_handles() -> None:
    """Let this process open a file or connection for each of many dynos and visitors."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_HANDLES if hard == resource.RLIM_INFINITY else min(hard, MOST_HANDLES)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
