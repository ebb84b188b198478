"""Certificates of domains: asked for, validated by DNS, served by listeners, and removed.

One loop looks at the rows and brings each a step on; so a step may fail or be repeated. A row whose
domain is gone is taken away with all that belongs to it.
"""

import threading
import time
from dataclasses import dataclass

import structlog
from sqlmodel import Session, col, select

from deployer.aws.account import Account
from deployer.aws.authority import ISSUED, PENDING, Authority, Issue
from deployer.aws.dns import Dns
from deployer.aws.load_balancer import LoadBalancer
from deployer.aws.places import INTERNAL, PUBLIC
from empire import certificates
from empire.apps import App
from empire.certificates import Certificate, Status
from empire.domains import Domain
from empire.errors import EmpireError
from empire.names import AppName
from empire.store import Store, now

log = structlog.get_logger()

LOOK_SECONDS = 2.0
ASK_SECONDS, ASK_MAX_SECONDS = 2.0, 60.0
"""How often ACM is asked how a certificate is: at first, and when it takes long."""
REMOVE_SECONDS = 20.0
"""How long a removal is tried while AWS still calls the certificate used; the loop goes on later."""


@dataclass(frozen=True, slots=True)
class Owner:
    """The app that wants a certificate."""

    app: AppName
    kind: str


class Certificates:
    """The certificates of one server's domains."""

    def __init__(self, account: Account, store: Store, load_balancer: LoadBalancer) -> None:
        self._store = store
        self._load_balancer = load_balancer
        self._dns = Dns(account, load_balancer.fronts)
        self._authority = Authority(account)
        self._looking = threading.RLock()
        self._ask_at: dict[str, float] = {}

    def watch(self, stopping: threading.Event) -> None:
        """Look again and again until stopping is set."""
        while not stopping.wait(LOOK_SECONDS):
            try:
                self.look()
            except Exception:
                log.exception("certificates could not be looked after")
                stopping.wait(10 * LOOK_SECONDS)

    def look(self) -> None:
        """Bring each certificate a step on."""
        with self._looking:
            with self._store.reading() as session:
                rows, owners = certificates.all_of(session), _owners(session)
            places = self._load_balancer.places.all() if rows else {}
            for row in rows:
                owner = owners.get(row.hostname)
                place = places.get(owner.app) if owner else None
                try:
                    self._tend(row, owner, place.listener if place else "")
                except EmpireError as error:
                    log.warning("certificate is not tended", name=row.hostname, error=str(error))
                    self._note(row, reason=f"{error.what} {error.why}".strip())

    def remove(self, app: AppName) -> None:
        """Take all certificates of the app away."""
        with self._looking:
            with self._store.reading() as session:
                rows = certificates.of_app(session, app)
            for row in rows:
                deadline = time.monotonic() + REMOVE_SECONDS
                while not self._take_away(row, is_wanted=False) and time.monotonic() < deadline:
                    time.sleep(LOOK_SECONDS)

    def _tend(self, row: Certificate, owner: Owner | None, listener: str) -> None:
        if owner is None:
            self._take_away(row)
            return
        # One whose app runs nowhere yet waits at the listener that it will probably get.
        listener = listener or self._load_balancer.fronts.named(owner.kind)[0]
        if not self._load_balancer.fronts.of(listener).is_tls:
            self._take_away(row, is_wanted=False)
        elif not row.arn:
            wish = row.created_at.isoformat()
            self._note(row, arn=self._authority.request(owner.app, row.hostname, wish))
        elif row.status == Status.PENDING and self._is_time(row):
            self._advance(row, owner, listener)
        elif row.status == Status.OK and row.places != listener:
            self._serve(row, listener)

    def _is_time(self, row: Certificate) -> bool:
        """Tell whether ACM may be asked again: the longer it took, the less often."""
        if time.monotonic() < self._ask_at.get(row.hostname, 0):
            return False
        age = (now() - row.created_at).total_seconds()
        pause = min(max(ASK_SECONDS, age / 20), ASK_MAX_SECONDS)
        self._ask_at[row.hostname] = time.monotonic() + pause
        return True

    def _advance(self, row: Certificate, owner: Owner, listener: str) -> None:
        issue = self._authority.issue(row.arn)
        if issue is None:  # somebody deleted it
            self._note(row, arn="", created_at=now(), reason="It is asked for again.")
        elif issue.status == ISSUED:
            self._serve(row, listener)
        elif issue.status == PENDING:
            self._note(row, reason=self._validate(row, owner, issue))
        else:
            why = f"{issue.status} {issue.reason}".replace("_", " ").strip().lower()
            self._note(row, status=Status.FAILED, reason=f"AWS did not issue it: {why}.")

    def _validate(self, row: Certificate, owner: Owner, issue: Issue) -> str:
        """Write the record that AWS looks for, if the zone is ours; return what is waited for."""
        if issue.record is None:
            return "AWS prepares it."
        name, value = issue.record["Name"].rstrip("."), issue.record["Value"].rstrip(".")
        zone = self._dns.zone_of(owner.kind, name)
        if not zone:
            return f"In the DNS, make {name} a CNAME of {value}; AWS looks for it."
        if not row.reason.startswith("AWS looks"):
            self._dns.write_validation(zone, issue.record)
        return f"AWS looks for {name} in the DNS."

    def _serve(self, row: Certificate, listener: str) -> None:
        if row.places and row.places != listener:
            self._authority.withdraw(row.arn, row.places)
        if reason := self._authority.serve(row.arn, listener):
            self._note(row, reason=reason)
        else:
            self._note(row, places=listener, status=Status.OK, reason="")

    def _take_away(self, row: Certificate, *, is_wanted: bool | None = None) -> bool:
        """Remove the certificate with its record and row; return False where it has to wait.

        `is_wanted` tells whether the domain shall begin anew; None asks whether it is there again.
        """
        if row.places:
            self._authority.withdraw(row.arn, row.places)
        if row.arn:
            issue = self._authority.issue(row.arn)
            if not self._authority.delete(row.arn):
                return False
            if issue and issue.record and not self._has_sibling(row):
                zone = self._dns.zone_of(INTERNAL, issue.record["Name"].rstrip("."))
                if zone:
                    self._dns.erase_validation(zone, issue.record)
        self._forget(row, is_wanted)
        return True

    def _has_sibling(self, row: Certificate) -> bool:
        """Tell whether example.com and *.example.com both have one: they share their record."""
        plain = row.hostname.removeprefix("*.")
        with self._store.reading() as session:
            return any(
                certificates.find(session, name)
                for name in (plain, f"*.{plain}")
                if name != row.hostname
            )

    def _note(self, row: Certificate, **changes: object) -> None:
        if all(getattr(row, name) == value for name, value in changes.items()):
            return
        with self._store.writing() as session:
            known = session.get(Certificate, row.hostname)
            if known:
                known.sqlmodel_update(changes | {"updated_at": now()})
                session.add(known)

    def _forget(self, row: Certificate, is_wanted: bool | None) -> None:
        self._ask_at.pop(row.hostname, None)
        with self._store.writing() as session:
            known = session.get(Certificate, row.hostname)
            if known is None:
                return
            if is_wanted is None and row.hostname in _owners(session):
                known.arn, known.places, known.status = "", "", Status.PENDING
                known.created_at = now()
                session.add(known)
            else:
                session.delete(known)


def _owners(session: Session) -> dict[str, Owner]:
    """Return whose each domain is, but those of apps that are about to go."""
    query = select(Domain.hostname, App.handle, App.is_internal)
    query = query.join(App, col(App.id) == Domain.app_id).where(col(App.is_leaving).is_(False))
    return {
        hostname: Owner(AppName(handle), INTERNAL if is_internal else PUBLIC)
        for hostname, handle, is_internal in session.exec(query)
    }
