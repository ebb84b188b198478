"""The records of all services: in memory to be read often, in the ledger to survive."""

import threading
from collections.abc import Iterator

from deployer.aws import lives
from deployer.aws.lives import Record
from empire.ledger import Ledger


class Records:
    """What is known of every app's services. May be used by any thread."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._loading = threading.Lock()
        self._apps: dict[str, dict[str, Record]] | None = None

    def of(self, app: str) -> dict[str, Record]:
        """Return an app's records by process type."""
        return dict(self._all.get(app, {}))

    def get(self, app: str, process: str) -> Record:
        """Return one record; a fresh one of a service that nobody knows."""
        return self._all.get(app, {}).get(process) or Record(app, process)

    def apps(self) -> list[str]:
        """Return the apps that have a service."""
        return list(self._all)

    def reload(self, app: str) -> dict[str, Record]:
        """Read an app's records anew, as another server may have written some; return them."""
        found = lives.of_entries(app, self._ledger.of(app))
        self._replace(app, found)
        return dict(found)

    def note(self, record: Record) -> Record:
        """Remember the record, on disk before anybody sees it, and return it."""
        self._ledger.note(record.app, {lives.KEY + record.process: record.to_text()})
        self._replace(record.app, {**self.of(record.app), record.process: record})
        return record

    def strike(self, record: Record) -> None:
        """Forget one service."""
        self._ledger.strike(record.app, [lives.KEY + record.process])
        left = self.of(record.app)
        left.pop(record.process, None)
        self._replace(record.app, left)

    def __iter__(self) -> Iterator[Record]:
        """Yield every record."""
        for records in list(self._all.values()):
            yield from list(records.values())

    @property
    def _all(self) -> dict[str, dict[str, Record]]:
        with self._loading:
            if self._apps is None:
                entries = self._ledger.all()
                found = {app: lives.of_entries(app, texts) for app, texts in entries.items()}
                self._apps = {app: records for app, records in found.items() if records}
            return self._apps

    def _replace(self, app: str, records: dict[str, Record]) -> None:
        apps = self._all
        with self._loading:
            if records:
                apps[app] = records
            else:
                apps.pop(app, None)
