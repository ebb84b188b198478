"""One deployment as the worker carries it: its row, its app, its journal, its way to cancel."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import structlog
from sqlmodel import Session

from empire import apps, deployments, leases, manifests, releases, routing
from empire.apps import App
from empire.deployments import Deployment, Kind, Step
from empire.errors import EmpireError, NotFound
from empire.events import Event, Live, Released, masked
from empire.manifest import LogLine, Manifest, Source, Target
from empire.names import Hostname
from empire.platform import IsCancelled, Platform
from empire.secrets import Secret
from empire.store import Store

SECRET_MIN_LENGTH = 8  # shorter values, such as "1" or "true", stand in harmless text too

log = structlog.get_logger()


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
    secrets: list[str] = field(default_factory=list, repr=False)
    planned: Manifest | None = None

    @property
    def number(self) -> int:
        """The deployment's number."""
        assert self.deployment.number is not None
        return self.deployment.number

    @property
    def source(self) -> Source:
        """The source of a push, or of an archive when it is unpacked."""
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

    def manifest(self) -> Manifest | None:
        """Return what the scheduler shall run; None where the app has no image yet.

        It is the same to the journey's end: nobody else changes what it is made of meanwhile.
        """
        if self.planned is None:
            with self.store.reading() as session:
                self.planned = manifests.of_deployment(session, self.app, self.deployment)
        return self.planned

    def url(self) -> str:
        """Return where the app answers; empty where nothing of it takes requests."""
        targets = self.targets
        if targets is None:  # after a restart
            with self.store.reading() as session:
                targets = routing.targets_of(self.platform, manifests.live(session, self.app))
        return self.platform.router.url(self.hostnames[0]) if targets else ""

    def say(self, event: Event) -> None:
        """Write the event to the journal as everybody may see it."""
        texts: dict[str, Any] = {
            name: self._cleaned(value)
            for name, value in asdict(event).items()
            if isinstance(value, str)
        }
        cleaned = replace(event, **texts)
        self.store.journals.append(self.deployment.id, cleaned)
        self._log(cleaned)

    def cleaned(self, error: EmpireError) -> EmpireError:
        """Return the error as everybody may see it."""
        why, fix, docs = (self._cleaned(text) for text in (error.why, error.fix, error.docs))
        return type(error)(self._cleaned(error.what), why=why, fix=fix, docs=docs)

    def _log(self, event: Event) -> None:
        """Write the event to the app's log too, which is for reading alone: it may fail."""
        source, at = "build" if self.deployment.is_building else "release", time.time()
        lines = [LogLine(at, source, "", text) for text in str(event).splitlines()]
        if isinstance(event, Released):
            text = f"Release v{event.version} created by {self.deployment.email}"
            lines.append(LogLine(at, "platform", "api", text))
        if isinstance(event, Live) and self.deployment.kind in (Kind.SCALE, Kind.RESTART):
            text = f"{self.deployment.subject} by {self.deployment.email}"
            lines.append(LogLine(at, "platform", "api", text))
        try:
            self.platform.logs.write(self.app.handle, lines)
        except OSError as error:
            log.warning("the app's log could not be written", app=self.app.name, error=str(error))

    def _cleaned(self, text: str) -> str:
        """Return the text without values of config vars and without terminal sequences."""
        text = masked(text)
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
        values = list(releases.config_of(session, releases.newest(session, app.id)).values())
        if deployment.kind == Kind.CONFIG:
            values += filter(None, deployments.change_of(session, deployment).values())
    return Journey(store, platform, owner, deployment, app, is_cancelled, secrets=_secrets(values))


def _secrets(values: list[Secret]) -> list[str]:
    """Return what to look for in output, longest first; of many lines each, as output comes so."""
    lines = {line.strip() for value in values for line in masked(value.reveal()).splitlines()}
    return sorted((line for line in lines if len(line) >= SECRET_MIN_LENGTH), key=len, reverse=True)
