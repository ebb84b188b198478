"""Waiting for conditions, never for times."""

import threading
import time
from collections.abc import Callable

PATIENCE_SECONDS = 60.0
"""Far more than anything takes: what comes later than this does not come."""
FIRST_PAUSE_SECONDS = 0.002
LONGEST_PAUSE_SECONDS = 0.05


def wait_until(
    is_so: Callable[[], bool], what: str = "it is so", seconds: float = PATIENCE_SECONDS
) -> None:
    """Return when the condition holds; raises AssertionError when it does not in time."""
    deadline, pause = time.monotonic() + seconds, FIRST_PAUSE_SECONDS
    while not is_so():
        assert time.monotonic() < deadline, f"waited {seconds:.0f} s in vain until {what}"
        threading.Event().wait(pause)
        pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
