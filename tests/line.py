"""The deployment line in one test: a real store, fakes of all ports, and workers that may die."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from deployer.reconcile import reconcile
from deployer.worker import Worker
from empire import apps, config_vars, deployments, line, remains
from empire.actors import Actor
from empire.deployments import Deployment
from empire.events import Event, Quiet
from empire.manifest import Source
from empire.names import AppName, Sha
from empire.platform import Platform
from empire.secrets import Secret
from empire.store import Store
from tests.fake_one_offs import FakeOneOffs
from tests.fake_sources import FakeSources
from tests.fakes import FakeBuilder, FakeLogs, FakeRegistry, FakeRouter, FakeScheduler
from tests.waiting import PATIENCE_SECONDS, wait_until

MAIN = "refs/heads/main"


@dataclass
class Outside:
    """All ports, faked."""

    sources: FakeSources = field(default_factory=FakeSources)
    builder: FakeBuilder = field(default_factory=FakeBuilder)
    registry: FakeRegistry = field(default_factory=FakeRegistry)
    scheduler: FakeScheduler = field(default_factory=FakeScheduler)
    router: FakeRouter = field(default_factory=FakeRouter)
    logs: FakeLogs = field(default_factory=FakeLogs)
    one_offs: FakeOneOffs = field(default_factory=FakeOneOffs)

    @property
    def platform(self) -> Platform:
        return Platform(
            self.sources,
            self.builder,
            self.registry,
            self.scheduler,
            self.router,
            self.logs,
            self.one_offs,
        )


@dataclass
class Line:
    """A store with the outside around it, and the person who uses it."""

    store: Store
    ann: Actor
    outside: Outside = field(default_factory=Outside)

    @contextmanager
    def working(self, store: Store | None = None) -> Iterator[Worker]:
        """Run a worker, as a server does: reconcile first, let go at the end."""
        store = store or self.store
        worker = Worker(store, self.outside.platform)
        threads = reconcile(store, self.outside.platform)
        worker.start()
        try:
            yield worker
        finally:
            worker.stop()
            for thread in threads:
                thread.join(PATIENCE_SECONDS)

    def make(self, name: str) -> AppName:
        """Make an app and return its name."""
        with self.store.writing() as session:
            return AppName(apps.create(session, name, by=self.ann).name)

    def push(
        self,
        app: str,
        seed: str = "a",
        ref: str = MAIN,
        *,
        tree: str = "",
        is_fresh: bool = False,
    ) -> Deployment:
        """Submit a push of an imaginary commit whose digits are all the seed, the tree's too."""
        with self.store.writing() as session:
            found = apps.find(session, app)
            source = Source(
                found.name, Sha(seed * 40), Sha((tree or seed) * 40), Path("/q", seed), "Subject"
            )
            deployment, _ = line.submit_push(
                session, found, source=source, ref=ref, is_fresh=is_fresh, by=self.ann
            )
        return deployment

    def config(self, app: str, **changes: str | None) -> Deployment | None:
        """Change config vars; None removes one."""
        wished = {name: None if text is None else Secret(text) for name, text in changes.items()}
        with self.store.writing() as session:
            found = apps.find(session, app)
            return config_vars.change(session, found, wished, by=self.ann)[1]

    def destroy(self, app: str) -> Deployment:
        """Submit the end of the app."""
        with self.store.writing() as session:
            return line.submit_destroy(session, apps.find(session, app), by=self.ann)

    def cancel(self, deployment: Deployment) -> None:
        """Ask for the deployment's end."""
        with self.store.writing() as session:
            found = deployments.find(session, deployment.id)
            line.cancel(session, found, by=self.ann)

    def told(self, deployment: Deployment) -> list[Event]:
        """Return what the journal says, when it is ended."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        found: list[Event] = []
        for event in deployments.follow(self.store, deployment.id, quiet_seconds=1):
            assert time.monotonic() < deadline, f"deployment {deployment.number} did not end"
            found += [event] if event != Quiet() else []
        return found

    def row(self, deployment: Deployment) -> Deployment:
        """Return the deployment as it is now."""
        with self.store.reading() as session:
            return deployments.find(session, deployment.id)

    def settle(self) -> None:
        """Wait until nothing moves and nothing is left to clean up."""
        wait_until(lambda: not self.unsettled(), "settling")

    def unsettled(self) -> list[Deployment]:
        """Return the deployments that move, wait or are to be cleaned up."""
        with self.store.reading() as session:
            return remains.unsettled(session)

    def running(self, app: str) -> list[tuple[int, str]]:
        """Return deployment number and name of each dyno of the app."""
        return sorted(
            (dyno.deployment, dyno.name) for dyno in self.outside.scheduler.dynos(AppName(app))
        )

    def is_kept(self, app: str) -> bool:
        """Tell whether every dyno of the app is started again when it ends."""
        return {dyno.state for dyno in self.outside.scheduler.dynos(AppName(app))} == {"up"}

    def routed(self, app: str) -> list[int]:
        """Return the deployment numbers of the dynos that the app's requests go to."""
        _, targets = self.outside.router.routes.get(AppName(app), ((), ()))
        dynos = self.outside.scheduler.dynos(AppName(app))
        found = {dyno.target: dyno.deployment for dyno in dynos if dyno.target}
        return sorted(found[target] for target in targets)

    def shipped(self, app: str, seed: str = "a") -> Deployment:
        """Push with a worker that starts and ends here; return the live deployment."""
        with self.working():
            deployment = self.push(app, seed)
            self.told(deployment)
            self.settle()
        return self.row(deployment)
