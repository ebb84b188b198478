"""The engine's event stream: who waits for a container's end is woken, who watches apps is told.

Nobody is told of what this server itself does: whoever starts or stops a dyno sets its routes.
"""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import requests
import structlog
from docker.errors import DockerException

from deployer.local.engine import Engine, close_stream
from deployer.local.places import labels_of
from empire.errors import Unavailable
from empire.names import AppName

OnChange = Callable[[AppName], None]

CONNECT_SECONDS = 5.0
RETRY_SECONDS = 0.5
GONE = "destroy"
ENDINGS = ("die", GONE)

log = structlog.get_logger()


class Watch:
    """Follows the containers of one server from the first use on, through restarts of the engine."""

    def __init__(self, engine: Engine, instance: str) -> None:
        self._engine = engine
        self._instance = instance
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stream: Any = None
        self._listening = threading.Event()
        self._closed = threading.Event()
        self._waiters: dict[str, threading.Event] = {}
        self._leaving: set[str] = set()
        self._callbacks: list[OnChange] = []

    @contextmanager
    def ending(self, container: str) -> Iterator[threading.Event]:
        """Give an event that is set when the container ends, or when it is time to look again."""
        self.begin()
        waiter = self._waiters.setdefault(container, threading.Event())
        try:
            yield waiter
        finally:
            self._waiters.pop(container, None)

    def leaving(self, containers: Iterable[str]) -> None:
        """Take note of containers that are about to be removed."""
        if self._listening.is_set():
            self._leaving.update(containers)

    def on_change(self, callback: OnChange) -> None:
        """Call back with the app's name after a container of it started or ended by itself.

        It is called on the thread that wakes everybody else, so it must return at once.
        """
        self._callbacks.append(callback)
        self.begin()

    def begin(self) -> None:
        """Start to listen, once; return when the engine's stream is open."""
        with self._lock:
            if self._thread is None and not self._closed.is_set():
                self._thread = threading.Thread(
                    target=self._listen_on, name="engine-events", daemon=True
                )
                self._thread.start()
        self._listening.wait(CONNECT_SECONDS)

    def close(self) -> None:
        """Stop to listen."""
        self._closed.set()
        with self._lock:
            if self._stream is not None:
                close_stream(self._stream)
        if self._thread:
            self._thread.join(CONNECT_SECONDS)

    def _listen_on(self) -> None:
        while not self._closed.is_set():
            try:
                self._listen()
            except (Unavailable, DockerException, requests.RequestException, OSError) as error:
                # Once, not at every try: the engine may be away for long.
                if self._listening.is_set():
                    log.warning("The engine's event stream broke.", error=str(error))
            except Exception:
                log.exception("The engine's event stream could not be read.")
            self._listening.clear()
            self._closed.wait(RETRY_SECONDS)

    def _listen(self) -> None:
        filters = {
            "type": ["container"],
            "event": ["start", *ENDINGS],
            "label": labels_of(self._instance),
        }
        stream = self._engine.api.events(filters=filters, decode=True)
        with self._lock:
            self._stream = stream
        try:
            self._catch_up()
            for event in stream:
                self._take(event)
        finally:
            with self._lock:
                self._stream = None
            close_stream(stream)

    def _catch_up(self) -> None:
        """Let everybody look for themselves: what happened while nobody listened is not known."""
        self._leaving.clear()
        for waiter in list(self._waiters.values()):
            waiter.set()
        if self._callbacks:
            rows = self._engine.api.containers(
                all=True, filters={"label": labels_of(self._instance)}
            )
            for app in {AppName(row["Labels"]["empire.app"]) for row in rows}:
                self._tell(app)
        self._listening.set()

    def _take(self, event: dict[str, Any]) -> None:
        container = event["Actor"]["ID"]
        waiter = self._waiters.get(container)
        if waiter and event["Action"] in ENDINGS:
            waiter.set()
        if waiter is None and container not in self._leaving:
            self._tell(AppName(event["Actor"]["Attributes"]["empire.app"]))
        if event["Action"] == GONE:
            self._leaving.discard(container)

    def _tell(self, app: AppName) -> None:
        for callback in list(self._callbacks):
            callback(app)
