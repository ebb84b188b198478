"""Turns: who must not act at once on the same thing, within this process."""

import threading


class Turns:
    """One lock per name."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._locks: dict[str, threading.Lock] = {}

    def of(self, name: str) -> threading.Lock:
        """Return the lock of that name."""
        with self._lock:
            return self._locks.setdefault(name, threading.Lock())
