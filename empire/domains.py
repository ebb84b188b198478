"""Domains: the host names of an app besides its own, such as www.example.com or *.example.com."""

from datetime import datetime
from typing import TYPE_CHECKING

from sqlmodel import Field, Session, SQLModel, col, func, select

from empire import certificates
from empire.actors import Actor, record
from empire.errors import Conflict, InvalidInput, NotFound
from empire.names import DomainName, Hostname, shown
from empire.store import UtcDateTime, new_id, now, store_of

if TYPE_CHECKING:
    from empire.apps import App


class Domain(SQLModel, table=True):
    """A host name that belongs to one app, and to no other."""

    __tablename__ = "domains"

    id: str = Field(default_factory=new_id, primary_key=True)
    app_id: str = Field(foreign_key="apps.id", index=True)
    hostname: DomainName = Field(unique=True, index=True)
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    updated_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)


def add(session: Session, app: "App", typed: str, *, by: Actor) -> Domain:
    """Return a new domain of the app.

    Raises InvalidInput for what is no host name or is the server's own, Conflict for one that is
    taken or when the app has as many as it may have.
    """
    hostname = DomainName.typed(typed)
    _refuse_own(session, hostname)
    _refuse_taken(session, app, hostname)
    _refuse_many(session, app)
    domain = Domain(app_id=app.id, hostname=hostname)
    session.add(domain)
    session.flush()
    certificates.want(session, app.handle, hostname)
    record(session, by, "domains:add", app.name, hostname)
    return domain


def remove(session: Session, app: "App", domain: Domain, *, by: Actor) -> None:
    """Take the host name from the app."""
    session.delete(domain)
    record(session, by, "domains:remove", app.name, domain.hostname)


def of(session: Session, app_id: str) -> list[Domain]:
    """Return the app's domains, by name."""
    query = select(Domain).where(Domain.app_id == app_id)
    return list(session.exec(query.order_by(col(Domain.hostname))))


def find(session: Session, app: "App", name: str) -> Domain:
    """Return the app's domain by host name or id; raises NotFound."""
    wanted = name.lower().rstrip(".")
    for domain in of(session, app.id):
        if domain.id == name or domain.hostname in (wanted, _ascii(name)):
            return domain
    raise NotFound(
        f"{app.name} has no domain {shown(name)}.",
        fix=f"`empire domains -a {app.name}` lists its domains.",
    )


def overlap(one: str, other: str) -> bool:
    """Tell whether some host name belongs to both: the same, or one within the other's wildcard."""
    return one == other or _covers(one, other) or _covers(other, one)


def _ascii(name: str) -> str:
    try:
        return DomainName.typed(name)
    except InvalidInput:
        return ""


def _covers(wide: str, name: str) -> bool:
    return wide.startswith("*.") and name.removeprefix("*").endswith(wide[1:])


def _refuse_own(session: Session, hostname: Hostname) -> None:
    settings = store_of(session).settings
    for own in filter(None, (settings.apps_domain, settings.aws_internal_domain)):
        if hostname == own or hostname.endswith(f".{own}"):
            raise InvalidInput(
                f"{hostname} is one of the server's own names.",
                why=f"Names under {own} belong to the apps that are called so.",
                fix="Give the app that name: empire apps:rename NAME",
            )


def _refuse_taken(session: Session, app: "App", hostname: DomainName) -> None:
    from empire.apps import App

    rows = session.exec(select(Domain, App.owner_id).join(App, col(App.id) == Domain.app_id))
    for domain, owner_id in rows:
        if domain.hostname == hostname and domain.app_id == app.id:
            raise Conflict(f"{hostname} is a domain of {app.name} already.")
        is_strangers = owner_id != app.owner_id and overlap(domain.hostname, hostname)
        if domain.hostname == hostname or is_strangers:
            raise Conflict(
                f"{hostname} belongs to another app.",
                why="A host name leads to one app; a wildcard and the names that it covers "
                "belong to one owner.",
                fix="Remove it there first: empire domains:remove",
            )


def _refuse_many(session: Session, app: "App") -> None:
    most = store_of(session).settings.domains_max
    count = session.exec(select(func.count()).where(Domain.app_id == app.id)).one()
    if count >= most:
        raise Conflict(
            f"{app.name} has {count} domains already.",
            why=f"An app may have {most} (EMPIRE_DOMAINS_MAX).",
            fix="Remove one that is not needed, or use a wildcard: empire domains:add '*.NAME'",
        )
