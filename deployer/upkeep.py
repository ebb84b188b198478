"""Keeps what builds leave behind within its budget, at times when nothing is deployed."""

import threading

import structlog
from sqlmodel import col, select

from empire import remains
from empire.deployments import Deployment
from empire.platform import Platform
from empire.store import Store

log = structlog.get_logger()

LOOK_SECONDS = 30.0


class Upkeep:
    """Looks now and then, in a thread. What a server that died left undone, the next one does."""

    def __init__(self, store: Store, platform: Platform, seconds: float = LOOK_SECONDS) -> None:
        self._store = store
        self._platform = platform
        self._seconds = seconds
        self._tidied_after = -1
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="upkeep", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(5)

    def look(self) -> None:
        """Tidy up when all is settled and something was deployed since the last time."""
        with self._store.reading() as session:
            if remains.unsettled(session):
                return
            query = select(Deployment.number).order_by(col(Deployment.number).desc()).limit(1)
            newest = session.exec(query).first() or 0
        if newest != self._tidied_after:
            self._platform.builder.tidy()
            self._tidied_after = newest

    def _loop(self) -> None:
        while not self._stopping.wait(self._seconds):
            try:
                self.look()
            except Exception:
                log.exception("build caches could not be looked after")
