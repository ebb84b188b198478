"""What is left to do behind a deployment that ended: drain and stop the old, or sweep up the failed."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from deployer.journey import Journey
from empire import leases, releases
from empire.deployments import Kind, Step, live_number
from empire.manifest import Target
from empire.names import AppName, ImageRef
from empire.platform import Platform


class Builds:
    """Keeps pruning away from an app whose build runs: its image is in no row yet."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: Counter[AppName] = Counter()

    @contextmanager
    def running(self, app: AppName) -> Iterator[None]:
        """Hold off pruning of the app."""
        with self._lock:
            self._running[app] += 1
        try:
            yield
        finally:
            with self._lock:
                self._running[app] -= 1

    @contextmanager
    def none_running(self, app: AppName) -> Iterator[bool]:
        """Yield whether the app may be pruned now; no build begins until the block ends."""
        with self._lock:
            yield not self._running[app]


def settle(journey: Journey, running_builds: Builds) -> None:
    """Clean up behind the deployment and write down that nothing is left."""
    if journey.deployment.step == Step.LIVE:
        _retire_older(journey)
    else:
        journey.platform.scheduler.stop(journey.app.name, journey.number)
        if journey.deployment.kind == Kind.PUSH:
            journey.platform.sources.drop(journey.source)
    _prune(journey, running_builds)
    with journey.store.writing() as session:
        deployment = leases.held(session, journey.number, journey.owner)
        deployment.is_settled = True
        leases.release(session, deployment)


def restore_route(journey: Journey) -> None:
    """Send requests to the version that was live before, after a switch that did not hold."""
    with journey.store.reading() as session:
        live = live_number(session, journey.app.id)
    targets = targets_of(journey.platform, journey.app.name, live)
    journey.platform.router.switch(journey.app.name, journey.hostnames, targets)


def targets_of(platform: Platform, app: AppName, deployment: int) -> tuple[Target, ...]:
    """Return where the web dynos that one deployment started take requests now."""
    dynos = platform.scheduler.dynos(app)
    return tuple(
        d.target for d in dynos if d.deployment == deployment and d.target and d.state == "up"
    )


def _retire_older(journey: Journey) -> None:
    dynos = journey.platform.scheduler.dynos(journey.app.name)
    old = tuple(d.target for d in dynos if d.deployment < journey.number and d.target)
    journey.platform.router.drain(old)
    journey.platform.scheduler.retire(journey.app.name, journey.number)


def _prune(journey: Journey, running_builds: Builds) -> None:
    with running_builds.none_running(journey.app.name) as may_prune:
        if may_prune:
            journey.platform.registry.delete(journey.app.name, _kept(journey))


def _kept(journey: Journey) -> frozenset[ImageRef]:
    with journey.store.reading() as session:
        return releases.kept_images(session, journey.app.id, journey.store.settings.releases_kept)
