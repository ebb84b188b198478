"""The line: claims deployments, carries each through the pipeline in a thread of its own."""

import fcntl
import secrets
import threading
import time
from pathlib import Path
from typing import IO

import structlog

from deployer import journey as journeys
from deployer import pipeline
from deployer.journey import Journey
from deployer.settle import Builds, Leaving, end_release_phase, land, restore_route, settle
from deployer.waiting import Waiting
from empire import deployments, leases
from empire.apps import App
from empire.deployments import Deployment, Kind, Step
from empire.errors import (
    Cancelled,
    EmpireError,
    InternalError,
    NotFound,
    ReleaseFailed,
    Unavailable,
)
from empire.events import Line, is_last
from empire.leases import LeaseLost
from empire.platform import Platform
from empire.store import Store

log = structlog.get_logger()

LOOK_SECONDS = 1.0
"""How soon is seen what another process wrote, whose bell does not ring here."""


CANCEL_SECONDS = 0.25
"""How soon is seen that a deployment shall be cancelled. Not at each ring: carriers ring often."""


class Worker:
    """Carries deployments until it is stopped. One per home: a lock on a file sees to it."""

    def __init__(self, store: Store, platform: Platform) -> None:
        self._store = store
        self._platform = platform
        self._settings = store.settings
        self._owner = f"{self._settings.instance}:{secrets.token_hex(4)}"
        self._stopping = threading.Event()
        self._cancelled: set[int] = set()
        self._build_slots = threading.BoundedSemaphore(self._settings.build_concurrency)
        self._running_builds = Builds()
        self._leaving = Leaving()
        self._carriers: dict[int, threading.Thread] = {}
        self._loops: list[threading.Thread] = []
        self._lock_file: IO[str] | None = None

    def lock(self) -> None:
        """Make sure that no other worker works in this home; raises Unavailable if one does."""
        if self._lock_file is None:
            self._lock_file = _locked(self._settings.home / "worker.lock")

    def start(self) -> None:
        """Take back what an earlier process left and begin to work; raises Unavailable if one runs."""
        self.lock()
        with self._store.writing() as session:
            leases.take_back(session, self._settings.instance)
        for loop in (self._claim_loop, self._lease_loop, self._waiting_loop):
            thread = threading.Thread(target=loop, name=loop.__name__, daemon=True)
            thread.start()
            self._loops.append(thread)

    def stop(self, timeout_seconds: float = 10) -> None:
        """Let go: what is under way stays at its last station and goes on after the next start."""
        self._stopping.set()
        self._store.work.ring()
        deadline = time.monotonic() + timeout_seconds
        # The loops first: they may be about to begin another carrier.
        for threads in (self._loops, self._carriers.values()):
            for thread in list(threads):
                thread.join(max(0.0, deadline - time.monotonic()))
        if self._lock_file:
            self._lock_file.close()

    def _claim_loop(self) -> None:
        while not self._stopping.is_set():
            seen = self._store.work.rings
            try:
                self._claim_all()
            except Exception:
                log.exception("claiming failed")
            self._store.work.wait(seen, LOOK_SECONDS)

    def _claim_all(self) -> None:
        while not self._stopping.is_set():
            if len(self._carriers) >= self._settings.deployments_concurrency:
                return
            carried = list(self._carriers)
            with self._store.reading() as session:
                if not leases.is_work(session, time.time(), carried):
                    return
            with self._store.writing() as session:
                claimed = leases.claim(
                    session, self._owner, time.time(), self._settings.lease_seconds, carried
                )
            if not claimed:
                return
            self._begin(claimed)

    def _begin(self, deployment: Deployment) -> None:
        number = deployment.number or 0
        self._carriers[number] = threading.Thread(
            target=self._carry, args=(deployment,), name=f"deployment-{number}", daemon=True
        )
        try:
            self._carriers[number].start()
        except RuntimeError:  # no more threads: the lease runs out, and it is claimed again
            del self._carriers[number]
            raise

    def _lease_loop(self) -> None:
        while not self._stopping.is_set():
            try:
                self._keep_leases()
            except Exception:
                log.exception("keeping leases failed")
            self._stopping.wait(min(self._settings.lease_seconds / 3, CANCEL_SECONDS))

    def _waiting_loop(self) -> None:
        waiting = Waiting(self._store)
        while not self._stopping.wait(LOOK_SECONDS):
            try:
                waiting.tell()
            except Exception:
                log.exception("telling who waits failed")

    def _keep_leases(self) -> None:
        # Only of what is really carried: what a carrier could not let go of shall run out.
        carried, seconds = list(self._carriers), self._settings.lease_seconds
        if not carried:
            return
        with self._store.reading() as session:
            self._cancelled = leases.cancelled(session, self._owner)
            due = leases.is_renewal_due(session, self._owner, carried, time.time(), seconds)
        if due:
            with self._store.writing() as session:
                leases.renew(session, self._owner, carried, time.time(), seconds)

    def _carry(self, deployment: Deployment) -> None:
        try:
            self._carry_on(deployment)
        except LeaseLost:
            log.warning("lease lost", deployment=deployment.number)
        except Exception:
            log.exception("carrying failed", deployment=deployment.number)
            self._stopping.wait(1)  # a store or engine that is away is not asked in a hot loop
            self._try_to_let_go(deployment)
        finally:
            del self._carriers[deployment.number or 0]
            self._store.work.ring()

    def _try_to_let_go(self, deployment: Deployment) -> None:
        try:
            self._let_go(deployment)
        except Exception:
            log.exception("the lease has to run out", deployment=deployment.number)

    def _carry_on(self, deployment: Deployment) -> None:
        try:
            journey = journeys.begin(
                self._store,
                self._platform,
                self._owner,
                deployment,
                lambda: self._is_over(deployment),
            )
        except NotFound:
            return  # the app was destroyed meanwhile, and this row with it
        if journey.deployment.is_open and not self._travel(journey):
            return
        land(journey)
        self._end_journal(journey)
        settle(journey, self._running_builds, self._leaving)

    def _travel(self, journey: Journey) -> bool:
        """Carry the deployment to its end; return whether something is left to settle."""
        try:
            while journey.deployment.is_open:
                if self._is_over(journey.deployment):
                    raise deployments.cancellation(journey.deployment)
                self._take_step(journey)
                if journey.deployment.kind == Kind.DESTROY:
                    return False
        except LeaseLost:
            raise
        except Cancelled as error:
            if self._stopping.is_set():
                self._let_go(journey.deployment)
                return False
            self._end(journey, error, Step.CANCELLED)
        except EmpireError as error:
            self._end(journey, error, Step.FAILED)
        except Exception:
            unexpected = InternalError.with_reference()
            log.exception("deployment failed", deployment=journey.number, error=unexpected.what)
            self._end(journey, unexpected, Step.FAILED)
        return True

    def _take_step(self, journey: Journey) -> None:
        if not journey.deployment.is_building:
            self._tell(journey)
            return
        self._wait_for_build_slot(journey)
        try:
            with self._running_builds.running(journey.app.handle):
                self._tell(journey)
        finally:
            self._build_slots.release()

    def _tell(self, journey: Journey) -> None:
        for event in pipeline.next_step(journey.deployment)(journey):
            journey.say(event)

    def _wait_for_build_slot(self, journey: Journey) -> None:
        if self._build_slots.acquire(blocking=False):
            return
        journey.say(
            Line(
                f"Waiting for a build slot ({self._settings.build_concurrency} builds run at a time)"
            )
        )
        while not self._build_slots.acquire(timeout=0.1):
            if journey.is_cancelled():
                raise deployments.cancellation(journey.deployment)

    def _end(self, journey: Journey, error: EmpireError, step: Step) -> None:
        if journey.deployment.step == Step.STARTED:
            restore_route(journey)
        if journey.deployment.step == Step.RELEASED and not isinstance(error, ReleaseFailed):
            end_release_phase(journey)  # before anybody is told that nothing of it runs
        with self._store.writing() as session:
            deployment = leases.held(session, journey.number, self._owner)
            if step == Step.CANCELLED:
                error = deployments.cancellation(deployment)
            deployments.end(session, deployment, journey.cleaned(error), step)
            if deployment.kind == Kind.DESTROY:  # what is left of it can be destroyed again
                session.get_one(App, deployment.app_id).is_leaving = False
        journey.deployment = deployment

    def _end_journal(self, journey: Journey) -> None:
        # Looked for first: an earlier worker may have died right after it said this.
        told, _ = self._store.journals.read(journey.deployment.id)
        if told and is_last(told[-1]):
            return
        if last := journey.deployment.outcome(journey.url()):
            journey.say(last)

    def _let_go(self, deployment: Deployment) -> None:
        with self._store.writing() as session:
            mine = leases.held(session, deployment.number or 0, self._owner)
            leases.release(session, mine)

    def _is_over(self, deployment: Deployment) -> bool:
        asked = deployment.is_cancelled or deployment.number in self._cancelled
        return asked or self._stopping.is_set()


def _locked(path: Path) -> IO[str]:
    file = path.open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise Unavailable(
            "Another server works in this home already.",
            why=f"It holds the lock on {path}.",
            fix="Stop it first, or give this one another EMPIRE_HOME.",
        ) from None
    return file
