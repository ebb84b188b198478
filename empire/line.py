"""The entrance to the line: a door submits a change here, and from then on it is on its way.

Each function writes the deployment and its audit line in one transaction, and refuses at once what
cannot be right, so that nothing is touched then.
"""

import json

from sqlmodel import Session, select

from empire import deployments, releases
from empire.actors import Actor, record
from empire.apps import App, missing
from empire.builds import Build
from empire.deployments import ARRIVING, Deployment, Kind, Step
from empire.errors import Conflict, Superseded
from empire.events import Line
from empire.formation import Change
from empire.manifest import Source
from empire.names import ImageName
from empire.releases import Release, Status
from empire.secrets import Secret
from empire.source_archives import SourceBlob
from empire.store import announce_work, store_of

ENTRANCES = {
    Kind.CONFIG: Step.BUILT,
    Kind.ROLLBACK: Step.BUILT,
    Kind.SCALE: Step.PREPARED,
    Kind.RESTART: Step.PREPARED,
}


def submit_push(
    session: Session, app: App, *, source: Source, ref: str, is_fresh: bool = False, by: Actor
) -> tuple[Deployment, bool]:
    """Return the deployment of a pushed commit, and whether it was under way already.

    The same commit joins its own running deployment, but a fresh one joins none that is not. A push that still waits for its turn is
    superseded by this one. Raises Conflict when the app is being destroyed.
    """
    app = _locked(session, app)
    moving = deployments.open_of(session, app.id)
    pushes = [d for d in moving if d.kind in ARRIVING and not d.is_cancelled]
    if pushes and _is_same(pushes[-1], source, ref, is_fresh=is_fresh):
        return pushes[-1], True
    deployment = _submitted(session, app, Kind.PUSH, by, ref=ref, source=source)
    deployment.is_fresh = is_fresh
    record(session, by, "push", app.name, f"{ref} {source.commit} deployment {deployment.number}")
    _arrived(session, deployment, source.commit, pushes)
    return deployment, False


def submit_source(session: Session, app: App, blob: SourceBlob, *, by: Actor) -> Deployment:
    """Return the deployment of an archive's source; it takes the place of one that still waits."""
    app = _locked(session, app)
    ahead = deployments.open_of(session, app.id)
    sealed = store_of(session).vault.seal(Secret(blob.to_json()))
    deployment = _submitted(session, app, Kind.SOURCE, by, change=sealed, subject=blob.subject)
    record(session, by, "builds:create", app.name, f"{blob.place} deployment {deployment.number}")
    _arrived(session, deployment, blob.version, ahead)
    return deployment


def submit_image(session: Session, app: App, name: ImageName, *, by: Actor) -> Deployment:
    """Return the deployment of an image that was built elsewhere."""
    app = _locked(session, app)
    ahead = deployments.open_of(session, app.id)
    sealed = store_of(session).vault.seal(Secret(name))
    deployment = _submitted(session, app, Kind.IMAGE, by, change=sealed, subject=name)
    record(session, by, "deploy", app.name, f"{name} deployment {deployment.number}")
    _arrived(session, deployment, "", ahead)
    return deployment


def submit_config(
    session: Session, app: App, changes: dict[str, Secret | None], description: str, *, by: Actor
) -> Deployment:
    """Return the deployment of a change of config vars; None as a value removes a var."""
    app = _locked(session, app)
    plain = {name: value and value.reveal() for name, value in changes.items()}
    return _submitted_change(session, app, Kind.CONFIG, json.dumps(plain), description, by)


def submit_rollback(
    session: Session, app: App, to: Release, message: str = "", *, by: Actor
) -> Deployment:
    """Return the deployment that brings back image and config of an earlier release.

    The message, if any, stands in the description of the new release. Raises Conflict when that release cannot run any more: nothing is touched then.
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
        raise image_gone(session, to)
    record(session, by, "rollback", app.name, to.label)
    description = f"Rollback to {to.label}{f': {message}' if message else ''}"
    return _submitted_change(session, app, Kind.ROLLBACK, str(to.version), description, by)


def image_gone(session: Session, release: Release) -> Conflict:
    """Return the error for a release whose image was deleted."""
    return Conflict(
        f"The image of {release.label} is gone.",
        why=f"Images of the newest {store_of(session).settings.releases_kept} releases are kept.",
        fix=f"Push its commit again: {release.commit[:8] or 'none is known'}",
    )


def submit_formation(session: Session, app: App, change: Change, *, by: Actor) -> Deployment:
    """Return the deployment that scales or restarts. Raises Conflict when nothing is live."""
    app = _locked(session, app)
    if releases.newest(session, app.id).image is None:
        raise releases.none_to_run(app)
    kind = Kind.SCALE if change.scales else Kind.RESTART
    record(session, by, f"ps:{kind}", app.name, change.described())
    return _submitted_change(session, app, kind, change.to_json(), change.described(), by)


def submit_destroy(session: Session, app: App, *, by: Actor) -> Deployment:
    """Return the deployment that takes the app away; what still moves is cancelled."""
    app = _locked(session, app)
    app.is_leaving = True
    session.add(app)
    for moving in deployments.open_of(session, app.id):
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
    announce_work(session)
    return deployment


def _is_same(moving: Deployment, source: Source, ref: str, *, is_fresh: bool) -> bool:
    """Tell whether a deployment under way does all that a push of the source asks for."""
    does_enough = moving.is_fresh or not is_fresh
    return does_enough and (moving.commit, moving.ref) == (source.commit, ref)


def _arrived(
    session: Session, deployment: Deployment, version: str, ahead: list[Deployment]
) -> None:
    """Make the deployment's build and let it supersede what waits and would be overtaken at once."""
    for waiting in ahead:
        is_waiting = waiting.step == Step.RECEIVED and not waiting.owner
        if waiting.kind in ARRIVING and is_waiting and not waiting.is_cancelled:
            _supersede(session, waiting, deployment)
    session.add(
        Build(
            id=deployment.id,
            app_id=deployment.app_id,
            commit=version,
            user_id=deployment.user_id,
            email=deployment.email,
        )
    )
    _tell_who_is_ahead(session, deployment)


def _submitted_change(
    session: Session, app: App, kind: Kind, change: str, subject: str, by: Actor
) -> Deployment:
    sealed = store_of(session).vault.seal(Secret(change))
    deployment = _submitted(session, app, kind, by, change=sealed, subject=subject)
    _tell_who_is_ahead(session, deployment)
    return deployment


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
        deployments.end(session, deployment, deployments.cancellation(deployment), Step.CANCELLED)


def _supersede(session: Session, waiting: Deployment, newer: Deployment) -> None:
    error = Superseded(
        f"A newer push took the place of {waiting.names_itself}.",
        why=f"{newer.email} pushed {newer.names_itself} while this one waited for its turn.",
        fix=f"Follow the newer one: empire deploys:output {newer.number}",
    )
    # The journal's last line is the worker's: here the transaction may still be rolled back.
    deployments.end(session, waiting, error, Step.SUPERSEDED)


def _tell_who_is_ahead(session: Session, deployment: Deployment) -> None:
    ahead = [
        d
        for d in deployments.open_of(session, deployment.app_id)
        if (d.number or 0) < (deployment.number or 0)
    ]
    for other in ahead:
        store_of(session).journals.append(deployment.id, Line(f"Waiting for {other.told()}"))
