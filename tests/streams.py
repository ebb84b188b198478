"""Running the long work to its end."""

import threading
from collections.abc import Callable

from empire.events import Event, Stream, T

PATIENCE_SECONDS = 30.0
PAUSE_SECONDS = 0.02


def result(stream: Stream[T]) -> T:
    """Return what the stream returns."""
    return played(stream)[1]


def played(stream: Stream[T]) -> tuple[list[Event], T]:
    """Return all events of the stream and what it returns."""
    events: list[Event] = []
    while True:
        try:
            events.append(next(stream))
        except StopIteration as stop:
            return events, stop.value


def wait_until(is_so: Callable[[], bool], seconds: float = PATIENCE_SECONDS) -> None:
    """Return when it is so; raises AssertionError when that takes too long."""
    pause, tries = threading.Event(), int(seconds / PAUSE_SECONDS)
    assert any(is_so() or pause.wait(PAUSE_SECONDS) for _ in range(tries)), "it never came so"
