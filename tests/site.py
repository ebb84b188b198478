"""A whole site in one process: the store, the worker, the API, and fakes of all ports."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import structlog

from apiserver import ApiServer
from deployer.worker import Worker
from empire import apps, deployments, line, tokens, users
from empire.access import Actor
from empire.deployments import Deployment
from empire.manifest import Source
from empire.names import AppName, Sha
from empire.platform import Platform
from empire.settings import Settings
from empire.store import Store
from empire.users import Role
from tests.fake_one_offs import FakeOneOffs
from tests.fake_sources import FakeSources
from tests.fakes import FakeBuilder, FakeLogs, FakeRegistry, FakeRouter, FakeScheduler

# The default shows a fault with all variables of all frames, which takes seconds.
structlog.configure(
    processors=[
        structlog.processors.add_log_level,
        structlog.processors.format_exc_info,
        structlog.processors.KeyValueRenderer(),
    ]
)

ACCEPT = "application/vnd.heroku+json; version=3"


@dataclass
class Site:
    """A running site, and the fakes to play with."""

    store: Store
    api: ApiServer
    worker: Worker
    sources: FakeSources
    builder: FakeBuilder
    scheduler: FakeScheduler
    router: FakeRouter
    logs: FakeLogs
    one_offs: FakeOneOffs

    @property
    def url(self) -> str:
        """Where the API is."""
        return f"http://127.0.0.1:{self.api.port}"

    def person(self, email: str, role: Role = Role.MEMBER) -> tuple[Actor, str]:
        """Return a person, made now, and a token of theirs."""
        with self.store.writing() as session:
            first, _ = users.first(session, "Ada", "ada@example.com")
            root = users.acting(first, "test")
            name = email.partition("@")[0].title()
            user = first if email == first.email else users.create(
                session, email, name, role=role, by=root
            )  # fmt: skip
            _, token = tokens.create(session, user.id, "test", by=root)
            return users.acting(user, "test"), token.reveal()

    def client(self, token: str = "", **headers: str) -> httpx.Client:
        """Return a client that sends what Heroku's CLI sends."""
        sent = {"Accept": ACCEPT, **headers}
        if token:
            sent["Authorization"] = f"Bearer {token}"
        return httpx.Client(base_url=self.url, headers=sent, timeout=60, trust_env=False)

    def push(self, app: str, actor: Actor, seed: str = "1") -> Deployment:
        """Submit a push of an imaginary commit to the app."""
        commit = Sha(seed * 40)
        source = Source(AppName(app), commit, commit, self.store.settings.home, "A change")
        with self.store.writing() as session:
            found = apps.find(session, app)
            pushed, _ = line.submit_push(
                session, found, source=source, ref="refs/heads/main", by=actor
            )
        return pushed

    def live(self, app: str, actor: Actor, seed: str = "1") -> Deployment:
        """Push and return the deployment when it ended."""
        pushed = self.push(app, actor, seed)
        assert list(deployments.follow(self.store, pushed.id, quiet_seconds=0.2))
        with self.store.reading() as session:
            return deployments.find(session, pushed.id)


@contextmanager
def running(home: Path) -> Iterator[Site]:
    """Yield a site that runs, with an owner ada@example.com to be made by `person`."""
    settings = Settings(home=home, api_port=0, drain_seconds=0.1, ssh_port=2222)
    store = Store(settings)
    store.migrate()
    sources, builder, registry = FakeSources(), FakeBuilder(), FakeRegistry()
    scheduler, router, logs = FakeScheduler(), FakeRouter(), FakeLogs()
    one_offs = FakeOneOffs()
    platform = Platform(sources, builder, registry, scheduler, router, logs, one_offs)
    worker, api = Worker(store, platform), ApiServer(settings, store, platform)
    worker.start()
    api.start()
    try:
        yield Site(store, api, worker, sources, builder, scheduler, router, logs, one_offs)
    finally:
        api.stop()
        worker.stop()
        store.close()
