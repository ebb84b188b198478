"""Which dyno a task is, for the log: remembered, because a log is read when its task is gone."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable

from empire.manifest import Dyno
from empire.names import AppName

KEPT = 20_000
"""How many tasks are remembered."""
LOOK_SECONDS = 1.0
"""After so long an app is looked at again for a task that nobody knew."""

Look = Callable[[AppName], Iterable[Dyno]]


class DynoNames:
    """The dynos of tasks. `looks` show what runs of an app; their dynos' ids are tasks."""

    def __init__(self, *looks: Look, clock: Callable[[], float] = time.monotonic) -> None:
        self._looks = looks
        self._clock = clock
        self._lock = threading.Lock()
        self._names: OrderedDict[str, str] = OrderedDict()
        self._looked_at: dict[str, float] = {}

    def learn(self, app: AppName) -> None:
        """Remember what runs of an app now."""
        found = {one.id: one.name for look in self._looks for one in look(app)}
        with self._lock:
            self._looked_at[app] = self._clock()
            self._names.update(found)
            while len(self._names) > KEPT:
                self._names.popitem(last=False)

    def of(self, app: str, process: str, task: str) -> str:
        """Return the dyno's name, such as web.1; empty where nobody knows."""
        del process
        if task not in self._names and self._is_time(app):
            self.learn(AppName(app))
        return self._names.get(task, "")

    def _is_time(self, app: str) -> bool:
        return self._clock() - self._looked_at.get(app, -LOOK_SECONDS) >= LOOK_SECONDS
