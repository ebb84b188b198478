"""Certificates: what serves TLS for a domain, where that has to be asked for.

A row outlives its domain until the certificate is taken away outside; who looks after certificates
does both. Where the router makes its own, as on one machine, there are no rows.
"""

from datetime import datetime
from enum import StrEnum

from sqlmodel import Field, Session, SQLModel, col, select

from empire.names import AppName, DomainName
from empire.store import UtcDateTime, now, store_of, stored


class Status(StrEnum):
    """How far a certificate is: Heroku's words (domain.acm_status)."""

    PENDING = "pending"
    OK = "ok"
    FAILED = "failed"


class Certificate(SQLModel, table=True):
    """The certificate of one host name. `arn` is empty until it was asked for.

    `places` are the listeners that serve it; `reason` says what it waits for, or why it failed.
    """

    __tablename__ = "certificates"

    hostname: DomainName = Field(primary_key=True)
    app: AppName = Field(index=True)
    arn: str = ""
    places: str = ""
    status: Status = Field(default=Status.PENDING, sa_type=stored(Status))
    reason: str = ""
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    updated_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)


def want(session: Session, app: AppName, hostname: DomainName) -> None:
    """Have the host name's certificate asked for, where that is how it gets one."""
    if store_of(session).settings.backend != "aws":
        return
    known = session.get(Certificate, hostname)
    if known is None:
        known = Certificate(hostname=hostname, app=app, reason="It is about to be asked for.")
    known.app = app
    session.add(known)


def find(session: Session, hostname: str) -> Certificate | None:
    """Return the certificate of the host name, if it has one of its own."""
    return session.get(Certificate, hostname)


def of_app(session: Session, app: AppName) -> list[Certificate]:
    """Return the certificates of the app, by its handle."""
    return list(session.exec(select(Certificate).where(Certificate.app == app)))


def all_of(session: Session) -> list[Certificate]:
    """Return all, oldest first."""
    return list(session.exec(select(Certificate).order_by(col(Certificate.created_at))))
