"""/apps/{app}/domains: the host names of an app. That of kind heroku is its own, which stays."""

from fastapi import APIRouter
from pydantic import BaseModel
from sqlmodel import Session

from apiserver import shapes
from apiserver.apps import reference
from apiserver.calls import Asked, Call, Identity
from apiserver.ranges import Paged
from empire import apps, certificates, domains, routing
from empire.access import Permission
from empire.apps import App
from empire.certificates import Status
from empire.domains import Domain
from empire.errors import EmpireError, Forbidden

STATUSES = {Status.PENDING: "pending", Status.OK: "succeeded", Status.FAILED: "failed"}

router = APIRouter(prefix="/apps/{app}/domains")


class DomainWish(BaseModel):
    """A host name to add; each domain gets a certificate of its own by itself."""

    hostname: str


@router.get("")
def list_domains(call: Asked, page: Paged, app: Identity) -> list[shapes.Domain]:
    """Return the app's host names."""
    with call.store.reading() as session:
        found = call.app(session, app, Permission.VIEW)
        added = [_shaped(session, found, domain) for domain in domains.of(session, found.id)]
        return page.of([_own(session, found), *added], "hostname", "id", "created_at")


@router.post("", status_code=201)
def add_domain(call: Asked, app: Identity, wish: DomainWish) -> shapes.Domain:
    """Let the app answer at the host name too; return when the router does so."""
    with call.store.writing() as session:
        found = call.app(session, app, Permission.OPERATE)
        domain = domains.add(session, found, wish.hostname, by=call.actor)
        added = _shaped(session, found, domain)
    try:
        _refresh(call, found)
    except EmpireError:  # such as no room for another rule: what is told to fail is not there
        with call.store.writing() as session:
            domains.remove(session, found, session.merge(domain), by=call.actor)
        raise
    return added


@router.get("/{domain}")
def show_domain(call: Asked, app: Identity, domain: Identity) -> shapes.Domain:
    """Return the domain with the host name or id."""
    with call.store.reading() as session:
        found = call.app(session, app, Permission.VIEW)
        own = _own(session, found)
        if domain in (own.id, own.hostname):
            return own
        return _shaped(session, found, domains.find(session, found, domain))


@router.delete("/{domain}")
def remove_domain(call: Asked, app: Identity, domain: Identity) -> shapes.Domain:
    """Take the host name from the app and return it; return when the router does so."""
    with call.store.writing() as session:
        found = call.app(session, app, Permission.OPERATE)
        own = _own(session, found)
        if domain in (own.id, own.hostname):
            raise Forbidden(
                f"{own.hostname} is the app's own name.",
                why="It comes from the name of the app.",
                fix="Give the app another name: empire apps:rename NAME",
            )
        row = domains.find(session, found, domain)
        removed = _shaped(session, found, row)
        domains.remove(session, found, row, by=call.actor)
    _refresh(call, found)
    return removed


def _refresh(call: Call, app: App) -> None:
    # The router may take its time: no transaction waits for it. Reconciling does it after a crash.
    routing.refresh(call.store, call.platform, app.handle)


def _own(session: Session, app: App) -> shapes.Domain:
    hostname = apps.hostnames(session, app)[0]
    return shapes.Domain(
        app=reference(app),
        cname=None,
        created_at=app.created_at,
        hostname=hostname,
        id=shapes.stable_id("domain", hostname),
        kind="heroku",
        updated_at=app.updated_at,
    )


def _shaped(session: Session, app: App, domain: Domain) -> shapes.Domain:
    certificate = certificates.find(session, domain.hostname)
    return shapes.Domain(
        acm_status=certificate.status if certificate else None,
        acm_status_reason=(certificate.reason if certificate else "") or None,
        app=reference(app),
        cname=apps.hostnames(session, app)[0],
        created_at=domain.created_at,
        hostname=domain.hostname,
        id=domain.id,
        kind="custom",
        updated_at=max(domain.updated_at, certificate.updated_at)
        if certificate
        else domain.updated_at,
        status=STATUSES[certificate.status] if certificate else "none",
    )
