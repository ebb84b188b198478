"""A server that is killed at a chosen instant: from then on nothing of it acts any more.

An instant is what a kill can fall between: before and after each commit, each line of a journal and
each call of a port.
"""

import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from functools import partial
from inspect import isgenerator
from typing import Any, cast

from sqlmodel import Session

from empire.events import Event
from empire.journal import Journals
from empire.platform import Platform
from empire.store import Store


class Killed(BaseException):
    """Ends a thread without what `except Exception` would tidy up."""


class Life:
    """Counts instants and ends at the fatal one; 0 means that it never does."""

    def __init__(self, fatal: int = 0) -> None:
        self.fatal = fatal
        self.instants: list[str] = []
        self.is_over = False
        self._lock = threading.Lock()

    def instant(self, name: str) -> None:
        """Pass one instant; raises Killed at the fatal one and ever after."""
        with self._lock:
            if not self.is_over:
                self.instants.append(name)
                self.is_over = len(self.instants) == self.fatal
            if self.is_over:
                raise Killed


@contextmanager
def silence() -> Iterator[None]:
    """Let threads be killed without a word."""
    told = threading.excepthook
    threading.excepthook = lambda ended: (
        None if isinstance(ended.exc_value, Killed) else told(ended)
    )
    try:
        yield
    finally:
        threading.excepthook = told


class DyingStore(Store):
    """The store as the server that may die sees it."""

    def __init__(self, store: Store, life: Life) -> None:
        super().__init__(store.settings)
        self._life = life
        self.journals = DyingJournals(store, life)

    @contextmanager
    def writing(self) -> Iterator[Session]:
        with super().writing() as session:
            yield session
            self._life.instant("before a commit")
        self._life.instant("after a commit")


class DyingJournals(Journals):
    """The journals of a server that may die."""

    def __init__(self, store: Store, life: Life) -> None:
        super().__init__(store.settings.logs / "deployments")
        self._life = life

    def append(self, journal: str, event: Event) -> None:
        self._life.instant(f"before saying {event}")
        super().append(journal, event)
        self._life.instant(f"after saying {event}")


class _DyingPort:
    def __init__(self, port: object, life: Life) -> None:
        self._port = port
        self._life = life

    def __getattr__(self, method: str) -> Callable[..., Any]:
        act: Callable[..., Any] = getattr(self._port, method)
        if method == "write":  # to an app's log, right after the journal; nothing hangs on it
            return act

        def call(*arguments: Any, **named: Any) -> Any:
            answer = self._timed(method, partial(act, *arguments, **named))
            return self._stream(answer, method) if isgenerator(answer) else answer

        return call

    def _timed(self, method: str, act: Callable[[], Any]) -> Any:
        self._life.instant(f"before {method}")
        answer = act()
        if not isgenerator(answer):
            self._life.instant(f"after {method}")
        return answer

    def _stream(
        self, answer: Generator[Any, Any, object], method: str
    ) -> Generator[Event, None, object]:
        found = yield from answer
        self._life.instant(f"after {method}")
        return found


def dying(platform: Platform, life: Life) -> Platform:
    """Return the platform as the server that may die sees it."""
    ports = (
        platform.sources,
        platform.builder,
        platform.registry,
        platform.scheduler,
        platform.router,
        platform.logs,
        platform.one_offs,
    )
    return Platform(*(cast("Any", _DyingPort(port, life)) for port in ports))
