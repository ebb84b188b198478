"""Keeps what builds leave behind within its budget, at times when nothing is deployed."""

from sqlmodel import col, select

from empire import remains
from empire.deployments import Deployment
from empire.platform import Platform
from empire.store import Store


class Upkeep:
    """Knows when there is something to tidy. What a server that died left undone, the next one does."""

    def __init__(self, store: Store, platform: Platform) -> None:
        self._store = store
        self._platform = platform
        self._tidied_after = -1

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
