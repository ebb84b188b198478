"""Keeps those who wait in the line told of who is ahead of them."""

import time

from empire import deployments
from empire.deployments import Deployment
from empire.events import Line
from empire.store import Store

REPEAT_SECONDS = 30.0
"""After so long without a change the same is said again, with the time it took so far."""

Station = tuple[int, str]


class Waiting:
    """Remembers what was told to whom."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._told: dict[int, tuple[Station, float]] = {}

    def tell(self) -> None:
        """Write a line for each that waits where the one ahead moved on, or did not for long."""
        with self._store.reading() as session:
            waiting = deployments.waiting(session)
        for deployment, ahead in waiting:
            if self._is_news(deployment.number or 0, (ahead[0].number or 0, ahead[0].step)):
                self._store.journals.append(deployment.id, Line(_said(ahead)))
        numbers = {deployment.number for deployment, _ in waiting}
        self._told = {number: told for number, told in self._told.items() if number in numbers}

    def _is_news(self, number: int, station: Station) -> bool:
        told, at = self._told.get(number, (None, 0.0))
        if told == station and time.monotonic() - at < REPEAT_SECONDS:
            return False
        self._told[number] = station, time.monotonic()
        return told is not None  # whoever just came was told at the entrance


def _said(ahead: list[Deployment]) -> str:
    more = f", then {len(ahead) - 1} more" if len(ahead) > 1 else ""
    return f"Still waiting: {ahead[0].told()}{more}"
