"""Running the long work to its end."""

from empire.events import Event, Stream, T


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
