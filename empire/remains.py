"""What an app's deployments left behind: which is live, what needs care, which images are theirs."""

from sqlmodel import Session, col, delete, select

from empire import deployments, ledger
from empire.apps import App
from empire.builds import Build
from empire.deployments import OPEN, Deployment, Kind, Step
from empire.domains import Domain
from empire.formation import Formation
from empire.names import ImageRef
from empire.releases import Release


def unsettled_of(session: Session, app_id: str) -> list[Deployment]:
    """Return the app's deployments that move, wait, or have something left to clean up."""
    query = select(Deployment).where(Deployment.app_id == app_id)
    return list(session.exec(query.where(col(Deployment.is_settled).is_(False))))


def unsettled(session: Session) -> list[Deployment]:
    """Return all deployments of which something is left to do or to clean up."""
    return list(session.exec(select(Deployment).where(col(Deployment.is_settled).is_(False))))


def live_number(session: Session, app_id: str) -> int:
    """Return the number of the app's newest deployment that went live, 0 where there is none."""
    query = select(Deployment.number).where(
        Deployment.app_id == app_id, Deployment.step == Step.LIVE
    )
    return session.exec(query.order_by(col(Deployment.number).desc()).limit(1)).first() or 0


def live_push_number(session: Session, app_id: str) -> int:
    """Return the number of the app's newest push that went live, 0 where there is none."""
    query = select(Deployment.number).where(
        Deployment.app_id == app_id, Deployment.step == Step.LIVE, Deployment.kind == Kind.PUSH
    )
    return session.exec(query.order_by(col(Deployment.number).desc()).limit(1)).first() or 0


def images_of_open(session: Session, app_id: str) -> frozenset[ImageRef]:
    """Return the images that deployments on their way need: just built ones, and rolled back to."""
    query = select(Build.image).join(Deployment, col(Deployment.id) == col(Build.id))
    query = query.where(Deployment.app_id == app_id, col(Deployment.step).in_(OPEN))
    back = [
        deployments.rollback_target_of(session, moving).image
        for moving in deployments.open_of(session, app_id)
        if moving.kind == Kind.ROLLBACK
    ]
    return frozenset(ImageRef(image) for image in (*session.exec(query), *back) if image)


def forget(session: Session, app: App) -> None:
    """Delete the app with all its rows; the audit keeps what was done."""
    for table in (Deployment, Build, Release, Formation, Domain):
        session.exec(delete(table).where(col(table.app_id) == app.id))
    ledger.forget(session, app.handle)
    session.delete(app)
