"""Leases: which worker carries which deployment. A lease that is not renewed runs out."""

from collections.abc import Collection

from sqlalchemy import exists
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, or_, select, update
from sqlmodel.sql.expression import SelectOfScalar

from empire.deployments import OPEN, Deployment
from empire.errors import Unavailable
from empire.store import announce_work

OLDER = aliased(Deployment)
"""Those ahead in the line. Made once: it copies every column, which takes longer than the query."""


class LeaseLost(Unavailable):
    """Another worker carries the deployment now; this one must let go of it."""

    code = "lease_lost"


def claim(
    session: Session, owner: str, at: float, lease_seconds: float, besides: Collection[int] = ()
) -> Deployment | None:
    """Return the oldest deployment that can move or be cleaned up, now leased to the owner.

    Of each app one deployment moves at a time, in the order of their numbers. Cleaning up behind
    one that ended waits for nobody. `besides` are those that the owner carries: their leases run
    out too when the machine sleeps, and the owner must not take them from itself.
    """
    query = _claimable(at, besides).with_for_update(skip_locked=True)
    deployment = session.exec(query).first()
    if deployment:
        deployment.owner = owner
        deployment.leased_until = at + lease_seconds
        session.add(deployment)
    return deployment


def renew(
    session: Session, owner: str, numbers: Collection[int], at: float, lease_seconds: float
) -> None:
    """Prolong the leases of those deployments that the owner still carries."""
    mine = update(Deployment).where(
        col(Deployment.owner) == owner, col(Deployment.number).in_(numbers)
    )
    session.exec(mine.values(leased_until=at + lease_seconds))


def take_back(session: Session, instance: str) -> None:
    """Free the leases that an earlier process of this server held; its lock proves that it is gone."""
    mine = update(Deployment).where(col(Deployment.owner).startswith(f"{instance}:"))
    session.exec(mine.values(owner="", leased_until=0))


def held(session: Session, number: int, owner: str) -> Deployment:
    """Return the deployment if the owner still carries it; raises LeaseLost."""
    query = select(Deployment).where(Deployment.number == number).with_for_update()
    deployment = session.exec(query).first()
    if deployment is None or deployment.owner != owner:
        raise LeaseLost(f"Deployment {number} is carried by another worker.")
    return deployment


def release(session: Session, deployment: Deployment) -> None:
    """Let go of the deployment; another claim may take it."""
    deployment.owner = ""
    deployment.leased_until = 0
    session.add(deployment)
    announce_work(session)


def cancelled(session: Session, owner: str) -> set[int]:
    """Return the numbers of the owner's deployments whose end was asked for."""
    query = select(Deployment.number).where(
        Deployment.owner == owner, col(Deployment.is_cancelled).is_(True)
    )
    return {number for number in session.exec(query) if number is not None}


def is_work(session: Session, at: float, besides: Collection[int] = ()) -> bool:
    """Tell, without the write lock, whether a claim may find something."""
    return session.exec(_claimable(at, besides)).first() is not None


def is_renewal_due(
    session: Session, owner: str, numbers: Collection[int], at: float, lease_seconds: float
) -> bool:
    """Tell whether one of these leases of the owner has run for more than a third of its time."""
    due = select(Deployment.number).where(
        Deployment.owner == owner,
        col(Deployment.number).in_(numbers),
        Deployment.leased_until < at + lease_seconds * 2 / 3,
    )
    return session.exec(due).first() is not None


def _claimable(at: float, besides: Collection[int]) -> SelectOfScalar[Deployment]:
    waits = exists().where(
        col(OLDER.app_id) == Deployment.app_id,
        col(OLDER.number) < Deployment.number,
        col(OLDER.step).in_(OPEN),
    )
    return (
        select(Deployment)
        .where(
            col(Deployment.is_settled).is_(False),
            col(Deployment.number).not_in(besides),
            or_(Deployment.owner == "", Deployment.leased_until < at),
            or_(col(Deployment.step).not_in(OPEN), ~waits),
        )
        .order_by(col(Deployment.number))
        .limit(1)
    )
