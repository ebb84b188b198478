"""One deployment as the worker carries it: its row, its app, its journal, its way to cancel."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from sqlmodel import Session

from empire import apps, deployments, leases, releases
from empire.apps import App
from empire.deployments import Deployment, Step
from empire.errors import NotFound
from empire.events import Event, Line
from empire.manifest import Manifest, Source, Target
from empire.names import Hostname
from empire.platform import IsCancelled, Platform
from empire.store import Store

SECRET_MIN_LENGTH = 8  # shorter values, such as "1" or "true", stand in harmless text too


@dataclass
class Journey:
    """What a step of the pipeline may touch. `targets` is what `start` found healthy, if it ran."""

    store: Store
    platform: Platform
    owner: str
    deployment: Deployment
    app: App
    is_cancelled: IsCancelled
    targets: tuple[Target, ...] | None = None
    secrets: list[str] = field(default_factory=list)

    @property
    def number(self) -> int:
        """The deployment's number."""
        assert self.deployment.number is not None
        return self.deployment.number

    @property
    def source(self) -> Source:
        """The source of a push."""
        return self.deployment.source(self.app)

    @property
    def hostnames(self) -> tuple[Hostname, ...]:
        """The host names of the app."""
        with self.store.reading() as session:
            return apps.hostnames(session, self.app)

    @contextmanager
    def advancing(self, step: Step) -> Iterator[tuple[Session, Deployment]]:
        """Yield the row in the transaction that ends the step; raises LeaseLost before any change."""
        with self.store.writing() as session:
            deployment = leases.held(session, self.number, self.owner)
            yield session, deployment
            deployments.advance(session, deployment, step)
        self.deployment = deployment

    def manifest(self) -> Manifest:
        """Return what the scheduler shall run."""
        with self.store.reading() as session:
            release = releases.find(session, self.app.id, str(self.deployment.version))
            names = apps.hostnames(session, self.app)
            return releases.manifest_of(session, release, self.app, names, self.number)

    def say(self, event: Event) -> None:
        """Write the event to the journal, without the values of the app's config vars."""
        if isinstance(event, Line):
            event = replace(event, text=self._redacted(event.text))
        self.store.journals.append(self.deployment.id, event)

    def _redacted(self, text: str) -> str:
        for secret in self.secrets:
            text = text.replace(secret, "[redacted]")
        return text


def begin(
    store: Store, platform: Platform, owner: str, deployment: Deployment, is_cancelled: IsCancelled
) -> Journey:
    """Return the journey of a claimed deployment."""
    with store.reading() as session:
        app = session.get(App, deployment.app_id)
        if app is None:
            raise NotFound("The app is gone.")
        config = releases.config_of(session, releases.newest(session, app.id))
    secrets = [
        value.reveal() for value in config.values() if len(value.reveal()) >= SECRET_MIN_LENGTH
    ]
    secrets.sort(key=len, reverse=True)
    return Journey(store, platform, owner, deployment, app, is_cancelled, secrets=secrets)
