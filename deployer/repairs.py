"""Looks now and then whether all runs that should, where others can change it too."""

import threading

import structlog

from deployer.reconcile import reconcile
from empire.platform import Platform
from empire.store import Store

log = structlog.get_logger()

LOOK_SECONDS = 300.0


class Repairs:
    """Brings what runs back in line with what is written, in a thread, again and again.

    On a platform that is shared somebody else may scale, change or delete what is ours.
    """

    def __init__(self, store: Store, platform: Platform, seconds: float = LOOK_SECONDS) -> None:
        self._store = store
        self._platform = platform
        self._seconds = seconds
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="repairs", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(5)

    def _loop(self) -> None:
        while not self._stopping.wait(self._seconds):
            try:
                reconcile(self._store, self._platform)
            except Exception:
                log.exception("what runs could not be compared with what is written")
