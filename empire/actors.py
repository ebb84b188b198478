"""Who acts, and the line in the audit that every act leaves."""

from dataclasses import dataclass

from sqlmodel import Session

from empire.audit import AuditLine


@dataclass(frozen=True, slots=True)
class Actor:
    """A person who does something, and by what: `via` is "key SHA256:...", "token ab12", ..."""

    user_id: str
    name: str
    email: str
    via: str


def record(session: Session, by: Actor, act: str, app: str = "", detail: str = "") -> None:
    """Write the audit line of an act, in the session's transaction."""
    session.add(AuditLine(email=by.email, via=by.via, act=act, app=app, detail=detail))
