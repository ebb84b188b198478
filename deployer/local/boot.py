"""The boot of one dyno: find or create its container, start it, see it healthy, keep it so."""

import threading
import time
from contextlib import suppress

import requests
from docker.errors import APIError, NotFound

from deployer import last_words
from deployer.local import containers, errors, listeners
from deployer.local.engine import Engine, explained, speaking
from deployer.local.health import Findings, pauses, probe
from deployer.local.places import Place, creation
from deployer.local.remote_registry import pull
from deployer.local.rows import Row, is_kept, target
from deployer.local.watch import Watch
from empire.manifest import Target
from empire.settings import Settings

NAME_TAKEN = 409
LOOK_SECONDS = 2.0
"""How often to look at a container whose end was not reported."""
ENGINE_AWAY_SECONDS = 0.5
ENDING_SECONDS = 0.5
"""So long at most the engine takes to note that a container ended."""


class Boot:
    """One dyno on its way up. `run` belongs to one thread; `halt` may be called from any other."""

    def __init__(
        self, engine: Engine, watch: Watch, settings: Settings, place: Place, is_published: bool
    ) -> None:
        self.place = place
        self.container = ""
        self.is_ours = True
        """Whether a failure of this start may remove the container."""
        self.is_up = False
        self.findings = Findings("")
        self.began_at = time.monotonic()
        self._engine = engine
        self._watch = watch
        self._settings = settings
        self._is_published = is_published
        self._halted = threading.Event()

    def run(self) -> Target | None:
        """Bring the dyno up and return where it takes requests; raises StartFailed, Cancelled."""
        with speaking(f"start {self.place.dyno}"):
            while True:
                try:
                    return self._come_up()
                except requests.ConnectionError:
                    # The engine restarts, maybe. Nobody waits for one that was never there.
                    if not self.container or self._is_over():
                        raise
                    self._halted.wait(ENGINE_AWAY_SECONDS)

    def keep(self) -> None:
        """Let the engine start it again whenever it ends; raises StartFailed if it did before."""
        self.container = self.place.name(self._settings.instance)
        with speaking(f"keep {self.place.dyno} up"):
            try:
                if not is_kept(self._look()):
                    self._keep_up()
                    self._look()  # one that ended in this very moment is not started again
            except NotFound:
                raise errors.gone(self.place.dyno) from None

    def _keep_up(self) -> None:
        try:
            self._engine.keep_up(self.container)
        except APIError:
            # The engine fails so on one whose end it has not noted yet.
            self._halted.wait(ENDING_SECONDS)
            self._look()
            raise

    def told(self) -> str:
        """Return how far it is, in words."""
        seconds = time.monotonic() - self.began_at
        if self.is_up:
            return f"{self.place.dyno} is up ({seconds:.1f} s)"
        return f"{self.place.dyno} ({self.findings.last or 'starting'}, {seconds:.0f} s)"

    def halt(self) -> None:
        """Let `run` end soon."""
        self._halted.set()

    def remove(self) -> None:
        """Remove the container if this start made it; twice is fine."""
        if self.container and self.is_ours:
            with speaking(f"remove {self.place.dyno}"):
                containers.remove(self._engine, self.container)

    def _come_up(self) -> Target | None:
        self._find_or_create()
        with self._watch.ending(self.container) as ended:
            self._start()
            found = self._healthy(ended)
        self.is_up = True
        return found

    def _find_or_create(self) -> None:
        """Make the container, or take the one that an earlier attempt made."""
        name = self.place.name(self._settings.instance)
        is_found = False
        while not is_found:
            self._check_halted()
            try:
                self.container, is_found = self._create(name), True
            except APIError as error:
                if error.status_code != NAME_TAKEN:
                    raise
                is_found = self._adopt(name)

    def _create(self, name: str) -> str:
        body = creation(
            self.place,
            self._settings.instance,
            cores=self._engine.cores,
            is_published=self._is_published,
            grace_seconds=self._settings.stop_grace_seconds,
        )
        try:
            made = self._engine.create(body, name)
        except NotFound:
            if "@" not in self.place.manifest.image:
                raise errors.image_gone(self.place.manifest.app) from None
            pull(self._engine, self._settings, self.place.manifest.image)
            made = self._engine.create(body, name)
        return made

    def _adopt(self, name: str) -> bool:
        """Take the container of that name if it may still come up, else remove it."""
        with suppress(NotFound):
            found = self._engine.api.inspect_container(name)
            if found["State"]["Status"] in ("created", "running", "restarting"):
                self.container = found["Id"]
                is_older = self.place.start != self.place.manifest.deployment
                self.is_ours = not (is_older or is_kept(found))
                return True
            # It ended in an earlier attempt, maybe because the machine did: start afresh.
            containers.remove(self._engine, found["Id"])
        return False

    def _start(self) -> None:
        self._check_halted()
        try:
            self._engine.api.start(self.container)
        except APIError as error:
            raise errors.cannot_run(self.place.dyno, explained(error)) from None

    def _healthy(self, ended: threading.Event) -> Target | None:
        details = self._look()
        if not self.place.process.is_routed:
            self._stay_up(ended)
            return None
        found = target(details)
        looked_at = time.monotonic()
        for pause in pauses():
            if found and self._answers(found):
                return found
            self._check_deadline(details)
            if ended.wait(pause) or time.monotonic() - looked_at > LOOK_SECONDS:
                ended.clear()
                details = self._look()
                found, looked_at = target(details), time.monotonic()
        raise AssertionError("pauses never end")

    def _stay_up(self, ended: threading.Event) -> None:
        deadline = time.monotonic() + self._settings.worker_uptime_seconds
        while (left := deadline - time.monotonic()) > 0:
            self._check_halted()
            if ended.wait(min(left, 0.1)):
                ended.clear()
                self._look()
        self._look()

    def _answers(self, found: Target) -> bool:
        path = self.place.process.health_path
        names = self.place.manifest.hostnames
        self.findings.url = f"http://{found}{path or '/'}"
        outcome = probe(found, path, names[0] if names else str(found), self._is_over)
        self.findings.add(outcome)
        return outcome.is_up

    def _look(self) -> Row:
        """Return the container as it is; raises StartFailed when it does not run."""
        self._check_halted()
        details: Row = self._engine.api.inspect_container(self.container)
        if details["State"]["Status"] in ("running", "restarting"):
            return details
        state, lines = details["State"], self._last_lines()
        if state["ExitCode"] == 127 and any("tini" in line and "/bin/sh" in line for line in lines):
            raise errors.no_shell(self.place.dyno)
        memory_mib = self.place.process.size.memory_mib if state["OOMKilled"] else None
        raise errors.exited(
            self.place.dyno, state["ExitCode"], killed_for_memory_mib=memory_mib, lines=lines
        )

    @property
    def _start_seconds(self) -> float:
        return max(self._settings.start_seconds, self.place.process.start_seconds)

    def _is_over(self) -> bool:
        late = time.monotonic() - self.began_at > self._start_seconds
        return self._halted.is_set() or late

    def _check_halted(self) -> None:
        if self._halted.is_set():
            raise errors.cancelled(self.place.manifest.app)

    def _check_deadline(self, details: Row) -> None:
        self._check_halted()
        if not self._is_over():
            return
        pid = 0 if self._is_published else details["State"]["Pid"]
        raise errors.unanswered(
            self.place.dyno,
            self._start_seconds,
            probes=str(self.findings),
            diagnosis=listeners.diagnosis(pid, self.place.port) if pid else "",
            lines=self._last_lines(),
        )

    def _last_lines(self) -> list[str]:
        written = self._engine.api.logs(self.container, tail=last_words.LINES)
        return last_words.cleaned(written.decode("utf-8", "replace"), self.place.manifest.env)
