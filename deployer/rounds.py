"""Work that is done again and again beside all other, in a thread of its own."""

import threading
from collections.abc import Callable

import structlog

log = structlog.get_logger()

ENDING_SECONDS = 5.0
"""How long a round that is under way may go on after `stop`."""
MOST_DOUBLINGS = 4
"""Each failure in a row doubles the pause, up to 16 times."""


class Rounds:
    """Calls `look`, a pause of so many seconds before each time. What a round could not do, the next may."""

    def __init__(self, name: str, look: Callable[[], object], seconds: float) -> None:
        self._look = look
        self._seconds = seconds
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._loop, name=name, daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more; nothing where it never began."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(ENDING_SECONDS)

    def _loop(self) -> None:
        failures = 0
        while not self._stopping.wait(self._seconds * 2 ** min(failures, MOST_DOUBLINGS)):
            try:
                self._look()
                failures = 0
            except Exception:
                failures += 1
                log.exception("a round could not be made", of=self._thread.name)
