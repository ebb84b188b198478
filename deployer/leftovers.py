"""Ends one-offs that nobody will end: those of a server that died, those that had their time."""

import time

import structlog
from sqlmodel import select

from deployer.rounds import Rounds
from empire import deployments, one_offs
from empire.apps import App
from empire.errors import NotFound
from empire.manifest import Run
from empire.names import AppName
from empire.platform import Platform
from empire.store import Store

log = structlog.get_logger()

LOOK_SECONDS = 1.0
START_SECONDS = 90.0
"""How long a one-off may wait for whoever attaches to it."""
READ_SECONDS = 5.0
"""How long one that ended is left to whoever is attached to it."""


class Leftovers:
    """Looks after the one-offs of one server, in a thread."""

    def __init__(self, store: Store, platform: Platform) -> None:
        self._store = store
        self._platform = platform
        self._rounds = Rounds("leftovers", self.look, LOOK_SECONDS)

    def start(self) -> None:
        """End what an earlier server had attached to itself, then look now and then."""
        for run in self._platform.one_offs.runs():
            if run.is_attached:
                self._end(run, "its server ended")
        self._rounds.start()

    def stop(self) -> None:
        """Look no more. What runs on its own goes on."""
        self._rounds.stop()

    def look(self) -> None:
        """End what has to end now."""
        found = self._platform.one_offs.runs()
        if not found:
            return
        known = self._apps()
        for run in found:
            if reason := self._reason(run, known):
                self._end(run, reason)

    def _reason(self, run: Run, known: set[AppName]) -> str:
        """Return why it must end, if it must."""
        dyno, now = run.dyno, time.time()
        if dyno.app not in known:
            return "its app is gone"
        if dyno.process != one_offs.TYPE:
            return "" if self._is_deployed(dyno.index) else "its deployment ended"
        if run.ended_at:
            is_read = not run.is_attached or now > run.ended_at + READ_SECONDS
            return "it ended" if is_read else ""
        if now > run.must_end_at:
            return "it had its time"
        is_late = dyno.state == "starting" and now > dyno.started_at + START_SECONDS
        return "nobody started it" if is_late else ""

    def _end(self, run: Run, reason: str) -> None:
        log.info("one-off removed", app=run.dyno.app, name=run.dyno.name, reason=reason)
        self._platform.one_offs.remove(run.dyno.app, run.dyno.name)

    def _is_deployed(self, number: int) -> bool:
        with self._store.reading() as session:
            try:
                return not deployments.find(session, str(number)).is_settled
            except NotFound:
                return False

    def _apps(self) -> set[AppName]:
        with self._store.reading() as session:
            return {app.handle for app in session.exec(select(App))}
