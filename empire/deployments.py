r"""Deployments: each the journey of one change to live, as a row with a step and a journal.

    RECEIVED -> BUILT -> RELEASED -> PREPARED -> STARTED -> LIVE
        \__________\_________\__________\__________\____> FAILED, CANCELLED, SUPERSEDED

A door calls `submit_...` and `follow`; the worker claims rows (empire.leases) and advances them.
A change of config and a rollback enter at BUILT, since their image is there already; scaling and
restarting, which make no release, at PREPARED. Releases are made when the deployment's turn comes and not before, so their order is the order in which they went live.
"""

import json
import time
from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from sqlalchemy import Index
from sqlmodel import Field, Session, SQLModel, col, select

from empire import builds, releases
from empire.actors import Actor
from empire.apps import App
from empire.builds import Build
from empire.errors import Cancelled, EmpireError, NotFound
from empire.events import Event, Failed, Live, Quiet, is_last
from empire.formation import ANEW, Change
from empire.manifest import Source
from empire.names import ImageName, Sha, shown, whole_number
from empire.releases import Release, Status
from empire.secrets import Secret
from empire.source_archives import SourceBlob
from empire.store import Store, UtcDateTime, announce_work, new_id, now, store_of, stored


class Step(StrEnum):
    """Where a deployment is: the last station that it reached."""

    RECEIVED = "received"
    BUILT = "built"
    RELEASED = "released"
    PREPARED = "prepared"
    STARTED = "started"
    LIVE = "live"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SUPERSEDED = "superseded"


ENDING_SECONDS = 5.0  # between a deployment's last commit and the last line of its journal
OPEN = (Step.RECEIVED, Step.BUILT, Step.RELEASED, Step.PREPARED, Step.STARTED)


class Kind(StrEnum):
    """What a deployment carries."""

    PUSH = "push"
    SOURCE = "source"
    IMAGE = "image"
    CONFIG = "config"
    ROLLBACK = "rollback"
    SCALE = "scale"
    RESTART = "restart"
    DESTROY = "destroy"


ARRIVING = (Kind.PUSH, Kind.SOURCE, Kind.IMAGE)
"""New versions from outside: by git, as an archive, as an image that was built elsewhere."""
MAKING_RELEASES = (*ARRIVING, Kind.CONFIG, Kind.ROLLBACK)


class Deployment(SQLModel, table=True):
    """One journey. `number` orders the line of the whole server and names the dynos it starts.

    A fresh one builds without any cache.
    `owner` and `leased_until` (seconds since the epoch) say which worker carries it. `is_settled`
    turns true when nothing is left to clean up behind it.
    """

    __tablename__ = "deployments"
    # A number is never given twice, also when the rows of a destroyed app are gone.
    __table_args__ = (
        Index("deployments_open", "is_settled", "step"),
        {"sqlite_autoincrement": True},
    )

    number: int | None = Field(default=None, primary_key=True)
    id: str = Field(default_factory=new_id, unique=True, index=True)
    app_id: str = Field(foreign_key="apps.id", index=True)
    kind: Kind = Field(sa_type=stored(Kind))
    step: Step = Field(default=Step.RECEIVED, sa_type=stored(Step))
    user_id: str
    name: str
    email: str
    via: str
    ref: str = ""
    commit: str = ""
    tree: str = ""
    subject: str = ""
    git_dir: str = ""
    is_fresh: bool = False
    change: bytes | None = None
    version: int | None = None
    owner: str = ""
    leased_until: float = 0
    is_cancelled: bool = False
    has_begun_release_phase: bool = False
    is_settled: bool = False
    code: str = ""
    what: str = ""
    why: str = ""
    fix: str = ""
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    updated_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)

    @property
    def is_open(self) -> bool:
        """Tell whether it still moves or waits."""
        return self.step in OPEN

    @property
    def actor(self) -> Actor:
        """Who submitted it."""
        return Actor(user_id=self.user_id, name=self.name, email=self.email, via=self.via)

    @property
    def is_building(self) -> bool:
        """Tell whether its image is made now."""
        return self.kind in ARRIVING and self.step == Step.RECEIVED

    @property
    def names_itself(self) -> str:
        """What stands for it in a sentence: the commit of a push, else what it brings."""
        return self.commit[:8] if self.kind == Kind.PUSH else self.subject

    def source(self, app: App) -> Source:
        """Return the source of a push, or of an archive when it is unpacked."""
        return Source(
            app.handle, Sha(self.commit), Sha(self.tree), Path(self.git_dir), self.subject
        )

    def told(self) -> str:
        """Return in words who submitted it, how far it is, and for how long it goes."""
        seconds = (now() - self.created_at).total_seconds()
        return f"deployment {self.number} by {self.email} ({self.step}, {seconds:.0f} s)"

    def outcome(self, url: str = "") -> Event | None:
        """Return the event that ends its journal, or None while it is open."""
        if self.is_open:
            return None
        if self.step == Step.LIVE:
            return Live(self.version or 0, url)
        return Failed(self.code, self.what, self.why, self.fix)


def rollback_target_of(session: Session, deployment: Deployment) -> Release:
    """Return the release that a rollback goes back to."""
    return releases.find(session, deployment.app_id, _carried(session, deployment))


def formation_change_of(session: Session, deployment: Deployment) -> Change:
    """Return how the deployment changes the formation; a new version starts everything anew."""
    if deployment.kind in MAKING_RELEASES:
        return ANEW
    return Change.from_json(_carried(session, deployment))


def blob_of(session: Session, deployment: Deployment) -> SourceBlob:
    """Return where the archive of a source is."""
    return SourceBlob.from_json(_carried(session, deployment))


def image_name_of(session: Session, deployment: Deployment) -> ImageName:
    """Return the name of the image that the deployment brings."""
    return ImageName(_carried(session, deployment))


def change_of(session: Session, deployment: Deployment) -> dict[str, Secret | None]:
    """Return the change of config vars that the deployment carries."""
    plain = json.loads(_carried(session, deployment))
    return {name: None if value is None else Secret(value) for name, value in plain.items()}


def advance(session: Session, deployment: Deployment, step: Step) -> None:
    """Write down that the deployment reached a station."""
    deployment.step = step
    deployment.updated_at = now()
    session.add(deployment)
    if not deployment.is_open:  # whoever waits behind it may move now
        announce_work(session)


def end(
    session: Session, deployment: Deployment, error: EmpireError, step: Step = Step.FAILED
) -> None:
    """Write down that the deployment ended without going live, and why; so did what it made."""
    deployment.code, deployment.what = error.code, error.what
    deployment.why, deployment.fix = error.why, error.fix
    advance(session, deployment, step)
    build = session.get(Build, deployment.id)
    if build:
        builds.fail(session, build)
    if deployment.version and deployment.kind in MAKING_RELEASES:
        made = releases.find(session, deployment.app_id, str(deployment.version))
        releases.finish(session, made, Status.FAILED)


def cancellation(deployment: Deployment) -> Cancelled:
    """Return the error that ends a deployment of which somebody asked the end."""
    return Cancelled(
        f"Deployment {deployment.number} was cancelled.",
        why=deployment.why,
        fix="Nothing of it runs. Submit it again when you want it after all.",
    )


def follow(
    store: Store, deployment_id: str, offset: int = 0, quiet_seconds: float = 5
) -> Iterator[Event]:
    """Yield the deployment's events from the byte offset of its journal until it ends.

    Quiet comes when nothing happened for quiet_seconds. A journal that lacks its last event,
    because the server died between the commit and the line, ends by what the row says; a worker
    that lives gets some seconds to write the line itself, which also knows the address.
    """
    ended_at: float | None = None
    for event in store.journals.follow(  # pragma: no branch - it ends with its last event
        deployment_id, offset, quiet_seconds
    ):
        if isinstance(event, Quiet) and (last := ending_of(store, deployment_id)):
            ended_at = ended_at or time.monotonic()
            if time.monotonic() - ended_at >= ENDING_SECONDS:
                yield last
                return
        yield event
        if is_last(event):
            return


def ending_of(store: Store, deployment_id: str) -> Event | None:
    """Return the event that ends the deployment's journal, or None while it is open."""
    with store.reading() as session:
        deployment = session.exec(select(Deployment).where(Deployment.id == deployment_id)).first()
        return deployment.outcome() if deployment else Failed("gone", "The app was destroyed.")


def find(session: Session, deployment_id: str) -> Deployment:
    """Return the deployment by id or number; raises NotFound."""
    number = whole_number(deployment_id)
    is_meant = Deployment.id == deployment_id if number is None else Deployment.number == number
    deployment = session.exec(select(Deployment).where(is_meant)).first()
    if not deployment:
        raise NotFound(
            f"There is no deployment {shown(deployment_id)}.", fix="`empire deploys` lists them."
        )
    return deployment


def of_app(session: Session, app_id: str, limit: int = 50) -> list[Deployment]:
    """Return the app's deployments, newest first."""
    query = select(Deployment).where(Deployment.app_id == app_id)
    return list(session.exec(query.order_by(col(Deployment.number).desc()).limit(limit)))


def makers_of(session: Session, app_id: str) -> dict[int, str]:
    """Return the ids of the deployments that made the app's releases, by version."""
    query = select(Deployment.version, Deployment.id).where(
        Deployment.app_id == app_id, col(Deployment.kind).in_(MAKING_RELEASES)
    )
    return {version: id_ for version, id_ in session.exec(query) if version}


def open_of(session: Session, app_id: str) -> list[Deployment]:
    """Return the app's deployments that move or wait, in their order."""
    query = select(Deployment).where(Deployment.app_id == app_id, col(Deployment.step).in_(OPEN))
    return list(session.exec(query.order_by(col(Deployment.number))))


def waiting(session: Session) -> list[tuple[Deployment, list[Deployment]]]:
    """Return who waits in the line of an app, each with those ahead of it, the first one first."""
    query = select(Deployment).where(col(Deployment.step).in_(OPEN))
    ahead: dict[str, list[Deployment]] = {}
    found = []
    for deployment in session.exec(query.order_by(col(Deployment.number))):
        if before := ahead.setdefault(deployment.app_id, []):
            found.append((deployment, list(before)))
        before.append(deployment)
    return found


def _carried(session: Session, deployment: Deployment) -> str:
    assert deployment.change is not None
    return store_of(session).vault.unseal(deployment.change).reveal()
