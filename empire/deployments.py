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
from empire.actors import Actor, record
from empire.apps import App, missing
from empire.builds import Build
from empire.errors import Cancelled, Conflict, EmpireError, NotFound, Superseded
from empire.events import Event, Failed, Line, Live, Quiet, is_last
from empire.formation import ANEW, Change
from empire.manifest import Source
from empire.names import Sha, shown, whole_number
from empire.releases import Release, Status
from empire.secrets import Secret
from empire.store import Store, UtcDateTime, new_id, now, store_of, stored


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
    CONFIG = "config"
    ROLLBACK = "rollback"
    SCALE = "scale"
    RESTART = "restart"
    DESTROY = "destroy"


MAKING_RELEASES = (Kind.PUSH, Kind.CONFIG, Kind.ROLLBACK)
ENTRANCES = {
    Kind.CONFIG: Step.BUILT,
    Kind.ROLLBACK: Step.BUILT,
    Kind.SCALE: Step.PREPARED,
    Kind.RESTART: Step.PREPARED,
}


class Deployment(SQLModel, table=True):
    """One journey. `number` orders the line of the whole server and names the dynos it starts.

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
    change: bytes | None = None
    version: int | None = None
    owner: str = ""
    leased_until: float = 0
    is_cancelled: bool = False
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

    def source(self, app: App) -> Source:
        """Return the source of a push."""
        return Source(app.name, Sha(self.commit), Sha(self.tree), Path(self.git_dir), self.subject)

    def outcome(self, url: str = "") -> Event | None:
        """Return the event that ends its journal, or None while it is open."""
        if self.is_open:
            return None
        if self.step == Step.LIVE:
            return Live(self.version or 0, url)
        return Failed(self.code, self.what, self.why, self.fix)


def submit_push(
    session: Session, app: App, *, source: Source, ref: str, by: Actor
) -> tuple[Deployment, bool]:
    """Return the deployment of a pushed commit, and whether it was under way already.

    The same commit joins its own running deployment. A push that still waits for its turn is
    superseded by this one. Raises Conflict when the app is being destroyed.
    """
    app = _locked(session, app)
    moving = open_of(session, app.id)
    pushes = [d for d in moving if d.kind == Kind.PUSH and not d.is_cancelled]
    if pushes and (pushes[-1].commit, pushes[-1].ref) == (source.commit, ref):
        return pushes[-1], True
    deployment = _submitted(session, app, Kind.PUSH, by, ref=ref, source=source)
    for waiting in pushes:
        if waiting.step == Step.RECEIVED and not waiting.owner:
            _supersede(session, waiting, deployment)
    session.add(
        Build(
            id=deployment.id,
            app_id=app.id,
            commit=source.commit,
            user_id=by.user_id,
            email=by.email,
        )
    )
    record(session, by, "push", app.name, f"{ref} {source.commit} deployment {deployment.number}")
    _tell_who_is_ahead(session, deployment)
    return deployment, False


def submit_config(
    session: Session, app: App, changes: dict[str, Secret | None], description: str, *, by: Actor
) -> Deployment:
    """Return the deployment of a change of config vars; None as a value removes a var."""
    app = _locked(session, app)
    plain = {name: value and value.reveal() for name, value in changes.items()}
    return _submitted_change(session, app, Kind.CONFIG, json.dumps(plain), description, by)


def submit_rollback(session: Session, app: App, to: Release, *, by: Actor) -> Deployment:
    """Return the deployment that brings back image and config of an earlier release.

    Raises Conflict when that release cannot run any more: nothing is touched then.
    """
    app = _locked(session, app)
    kept = releases.kept_images(session, app.id, store_of(session).settings.releases_kept)
    if to.status != Status.SUCCEEDED or to.image is None:
        raise Conflict(
            f"{to.label} cannot be gone back to.",
            why="It never ran." if to.image else "It has no image.",
            fix="`empire releases` shows which succeeded.",
        )
    if to.image not in kept:
        raise Conflict(
            f"The image of {to.label} is gone.",
            why=f"Images of the newest {store_of(session).settings.releases_kept} releases are kept.",
            fix=f"Push its commit again: {to.commit[:8] or 'none is known'}",
        )
    record(session, by, "rollback", app.name, to.label)
    return _submitted_change(
        session, app, Kind.ROLLBACK, str(to.version), f"Rollback to {to.label}", by
    )


def submit_formation(session: Session, app: App, change: Change, *, by: Actor) -> Deployment:
    """Return the deployment that scales or restarts. Raises Conflict when nothing is live."""
    app = _locked(session, app)
    if releases.newest(session, app.id).image is None:
        raise Conflict(
            f"{app.name} has no version that could run.", fix="Push one: git push empire main"
        )
    kind = Kind.SCALE if change.scales else Kind.RESTART
    record(session, by, f"ps:{kind}", app.name, change.described())
    return _submitted_change(session, app, kind, change.to_json(), change.described(), by)


def submit_destroy(session: Session, app: App, *, by: Actor) -> Deployment:
    """Return the deployment that takes the app away; what still moves is cancelled."""
    app = _locked(session, app)
    app.is_leaving = True
    session.add(app)
    for moving in open_of(session, app.id):
        _ask_to_end(session, moving, f"{by.email} destroys {app.name}.")
    record(session, by, "apps:destroy", app.name)
    return _submitted(session, app, Kind.DESTROY, by)


def cancel(session: Session, deployment: Deployment, *, by: Actor) -> None:
    """Ask for the deployment's end; one that nobody carries yet ends now.

    Raises Conflict when it ended already, or when it takes an app away: half an app is no use.
    """
    session.refresh(deployment, with_for_update=True)
    if not deployment.is_open:
        raise Conflict(
            f"Deployment {deployment.number} is {deployment.step} already.",
            why="Only what still waits or moves can be cancelled.",
            fix="`empire deploys` lists them.",
        )
    if deployment.kind == Kind.DESTROY:
        raise Conflict(
            f"Deployment {deployment.number} takes an app away; that cannot be cancelled.",
            why="Parts of the app may be gone already.",
            fix="Make the app anew when it is gone: empire apps:create",
        )
    _ask_to_end(session, deployment, f"{by.email} cancelled it.")
    record(session, by, "deploys:cancel", detail=str(deployment.number))


def rollback_target_of(session: Session, deployment: Deployment) -> Release:
    """Return the release that a rollback goes back to."""
    return releases.find(session, deployment.app_id, _carried(session, deployment))


def formation_change_of(session: Session, deployment: Deployment) -> Change:
    """Return how the deployment changes the formation; a new version starts everything anew."""
    if deployment.kind in MAKING_RELEASES:
        return ANEW
    return Change.from_json(_carried(session, deployment))


def change_of(session: Session, deployment: Deployment) -> dict[str, Secret | None]:
    """Return the change of config vars that the deployment carries."""
    plain = json.loads(_carried(session, deployment))
    return {name: None if value is None else Secret(value) for name, value in plain.items()}


def advance(session: Session, deployment: Deployment, step: Step) -> None:
    """Write down that the deployment reached a station."""
    deployment.step = step
    deployment.updated_at = now()
    session.add(deployment)


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
    for event in store.journals.follow(deployment_id, offset, quiet_seconds):
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


def open_of(session: Session, app_id: str) -> list[Deployment]:
    """Return the app's deployments that move or wait, in their order."""
    query = select(Deployment).where(Deployment.app_id == app_id, col(Deployment.step).in_(OPEN))
    return list(session.exec(query.order_by(col(Deployment.number))))


def _submitted(
    session: Session,
    app: App,
    kind: Kind,
    by: Actor,
    *,
    ref: str = "",
    source: Source | None = None,
    change: bytes | None = None,
    subject: str = "",
) -> Deployment:
    deployment = Deployment(
        app_id=app.id, kind=kind, step=ENTRANCES.get(kind, Step.RECEIVED),
        user_id=by.user_id, name=by.name, email=by.email, via=by.via, ref=ref, change=change, subject=subject,
    )  # fmt: skip
    if source:
        deployment.commit, deployment.tree = source.commit, source.tree
        deployment.git_dir, deployment.subject = str(source.git_dir), source.subject
    session.add(deployment)
    session.flush()
    return deployment


def _submitted_change(
    session: Session, app: App, kind: Kind, change: str, subject: str, by: Actor
) -> Deployment:
    sealed = store_of(session).vault.seal(Secret(change))
    deployment = _submitted(session, app, kind, by, change=sealed, subject=subject)
    _tell_who_is_ahead(session, deployment)
    return deployment


def _carried(session: Session, deployment: Deployment) -> str:
    assert deployment.change is not None
    return store_of(session).vault.unseal(deployment.change).reveal()


def _locked(session: Session, app: App) -> App:
    """Return the app as it is now. Who submits for one app takes turns, so numbers keep the order."""
    query = select(App).where(App.id == app.id).with_for_update()
    row = session.exec(query.execution_options(populate_existing=True)).first()
    if row is None:
        raise missing(app.name)
    if row.is_leaving:
        raise Conflict(
            f"{row.name} is being destroyed.", fix="Wait until it is gone, then make it anew."
        )
    return row


def _ask_to_end(session: Session, deployment: Deployment, why: str) -> None:
    deployment.is_cancelled, deployment.why = True, why
    session.add(deployment)
    if deployment.version is None and not deployment.owner:
        end(session, deployment, cancellation(deployment), Step.CANCELLED)


def _supersede(session: Session, waiting: Deployment, newer: Deployment) -> None:
    error = Superseded(
        f"A newer push took the place of {waiting.commit[:8]}.",
        why=f"{newer.email} pushed {newer.commit[:8]} while this one waited for its turn.",
        fix=f"Follow the newer one: empire deploys:output {newer.number}",
    )
    # The journal's last line is the worker's: here the transaction may still be rolled back.
    end(session, waiting, error, Step.SUPERSEDED)


def _tell_who_is_ahead(session: Session, deployment: Deployment) -> None:
    ahead = [
        d for d in open_of(session, deployment.app_id) if (d.number or 0) < (deployment.number or 0)
    ]
    for other in ahead:
        seconds = (now() - other.created_at).total_seconds()
        text = f"Waiting for deployment {other.number} by {other.email} ({other.step}, {seconds:.0f} s)"
        store_of(session).journals.append(deployment.id, Line(text))
