"""What is left to do behind a deployment that ended.

The commit of a live one lands in the repository and the old dynos drain and stop; behind a failed one
its dynos, its quarantine and its image are swept up.
"""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from deployer.journey import Journey
from empire import leases, manifests, one_offs, releases, remains, routing
from empire.deployments import ARRIVING, Kind, Step
from empire.manifest import Dyno
from empire.names import AppName, ImageRef


class Builds:
    """Keeps pruning away from an app whose build runs: its image is in no row yet."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._building: Counter[AppName] = Counter()
        self._pruning: Counter[AppName] = Counter()

    @contextmanager
    def running(self, app: AppName) -> Iterator[None]:
        """Hold off pruning of the app; wait for one that is under way."""
        with self._changed:
            self._changed.wait_for(lambda: not self._pruning[app])
            self._building[app] += 1
        try:
            yield
        finally:
            self._end(self._building, app)

    @contextmanager
    def none_running(self, app: AppName) -> Iterator[bool]:
        """Yield whether the app may be pruned now; no build of it begins until the block ends."""
        with self._changed:
            may_prune = not self._building[app]
            self._pruning[app] += may_prune
        try:
            yield may_prune
        finally:
            if may_prune:
                self._end(self._pruning, app)

    def _end(self, counted: Counter[AppName], app: AppName) -> None:
        with self._changed:
            counted[app] -= 1
            self._changed.notify_all()


class Leaving:
    """Sees to it that each dyno that went out of traffic drains and stops behind one deployment.

    A later one's cleaning would wait for the same requests again; and by the time that it stopped
    waiting, the address may be another dyno's.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taken: set[str] = set()

    @contextmanager
    def taking(self, dynos: list[Dyno]) -> Iterator[list[Dyno]]:
        """Yield those of the dynos that nobody took; they are the caller's until the block ends."""
        with self._lock:
            mine = [dyno for dyno in dynos if dyno.id not in self._taken]
            self._taken.update(dyno.id for dyno in mine)
        try:
            yield mine
        finally:
            with self._lock:
                self._taken.difference_update(dyno.id for dyno in mine)


def land(journey: Journey) -> None:
    """Let the repository name the commit that went live, unless a newer one did meanwhile."""
    if journey.deployment.step != Step.LIVE or not journey.deployment.git_dir:
        return
    if journey.deployment.kind != Kind.PUSH:  # branches name what came by git, and nothing else
        journey.platform.sources.drop(journey.source)
        return
    with journey.store.turns.of(journey.app.id):
        with journey.store.reading() as session:
            leases.held(session, journey.number, journey.owner)
            newest = remains.live_push_number(session, journey.app.id)
        if newest == journey.number:
            journey.platform.sources.land(journey.source, journey.deployment.ref)
        else:
            journey.platform.sources.drop(journey.source)


def settle(journey: Journey, running_builds: Builds, leaving: Leaving) -> None:
    """Clean up behind the deployment and write down that nothing is left."""
    if journey.deployment.step == Step.LIVE:
        _retire_older(journey, leaving)
    else:
        journey.platform.scheduler.stop(journey.app.handle, journey.number)
        if journey.deployment.git_dir:
            journey.platform.sources.drop(journey.source)
    if journey.deployment.kind in ARRIVING:
        end_release_phase(journey)
    _prune(journey, running_builds)
    with journey.store.writing() as session:
        deployment = leases.held(session, journey.number, journey.owner)
        deployment.is_settled = True
        leases.release(session, deployment)


def end_release_phase(journey: Journey) -> None:
    """Kill and forget the release phase, if it is there."""
    name = one_offs.name_of_release_phase(journey.deployment)
    journey.platform.one_offs.remove(journey.app.handle, name)


def restore_route(journey: Journey) -> None:
    """Send requests to the version that was live before, after a switch that did not hold."""
    with journey.store.turns.of(journey.app.id):
        with journey.store.reading() as session:
            leases.held(session, journey.number, journey.owner)
            live = manifests.live(session, journey.app)
        targets = routing.targets_of(journey.platform, live)
        routing.switch(journey.store, journey.platform, journey.app, targets)


def _retire_older(journey: Journey, leaving: Leaving) -> None:
    with journey.store.reading() as session:
        leases.held(session, journey.number, journey.owner)
        live = manifests.live(session, journey.app)
    if live is None:
        return
    dynos = journey.platform.scheduler.dynos(journey.app.handle)
    old = [d for d in dynos if d.deployment <= live.deployment and not live.holds(d)]
    with leaving.taking(old) as mine:
        journey.platform.router.drain(tuple(dyno.target for dyno in mine if dyno.target))
        spared = frozenset(dyno.id for dyno in old) - {dyno.id for dyno in mine}
        journey.platform.scheduler.retire(live, spared)


def _prune(journey: Journey, running_builds: Builds) -> None:
    with running_builds.none_running(journey.app.handle) as may_prune:
        if may_prune:
            journey.platform.registry.delete(journey.app.handle, _kept(journey))


def _kept(journey: Journey) -> frozenset[ImageRef]:
    app, count = journey.app, journey.store.settings.releases_kept
    with journey.store.reading() as session:
        # Not held any more: the app may be gone, and its name another app's by now.
        leases.held(session, journey.number, journey.owner)
        return releases.kept_images(session, app.id, count) | remains.images_of_open(
            session, app.id
        )
