"""What shall run of an app: for one deployment on its way, and as it is live.

A deployment that carries a new version starts every dyno anew. One that scales or restarts keeps
the others: the formation remembers, dyno by dyno, which deployment started it.
"""

from sqlmodel import Session

from empire import apps, deployments, formation, releases, remains
from empire.apps import App
from empire.deployments import Deployment
from empire.formation import Change, Formation
from empire.manifest import Manifest, Process
from empire.names import ImageRef
from empire.releases import Release


def of_deployment(session: Session, app: App, deployment: Deployment) -> Manifest | None:
    """Return what shall run when the deployment is live; None where the app has no image yet."""
    change = deployments.formation_change_of(session, deployment)
    if deployment.version:
        release = releases.find(session, app.id, str(deployment.version))
    else:
        release = releases.current(session, app.id)
    return _manifest(session, app, release, deployment.number or 0, change)


def live(session: Session, app: App) -> Manifest | None:
    """Return what is live of the app; None where nothing is."""
    number = remains.live_number(session, app.id)
    if not number or app.is_leaving:
        return None
    release = releases.find(session, app.id, str(deployments.find(session, str(number)).version))
    return _manifest(session, app, release, number, formation.KEPT)


def went_live(session: Session, app: App, manifest: Manifest) -> None:
    """Write down the formation that the manifest brought."""
    rows = formation.of(session, app.id)
    for process in manifest.processes:
        row = rows[process.type]
        row.quantity, row.size = process.quantity, process.size.name
        row.starts = list(process.starts)
        session.add(row)


def _manifest(
    session: Session, app: App, release: Release, number: int, change: Change
) -> Manifest | None:
    if release.image is None:
        return None
    rows = formation.of(session, app.id)
    return Manifest(
        app=app.handle,
        name=app.name,
        version=release.version,
        deployment=number,
        image=ImageRef(release.image),
        processes=tuple(
            _process(release, row, change, number)
            for type_, row in rows.items()
            if type_ in release.processes
        ),
        hostnames=apps.hostnames(session, app),
        env=releases.config_of(session, release),
        placement=app.placement,
    )


def _process(release: Release, row: Formation, change: Change, number: int) -> Process:
    return Process(
        type=row.type,
        command=release.processes[row.type],
        quantity=change.quantity(row),
        size=formation.size_of(change.size(row)),
        health_path=release.health_path if row.type == "web" else None,
        starts=change.starts(row, number),
        start_seconds=release.start_seconds if row.type == "web" else 0,
    )
