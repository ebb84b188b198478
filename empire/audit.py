"""Who did what, when: append-only, written in the transaction of the change itself."""

from datetime import datetime

from sqlmodel import Field, Session, SQLModel, col, select

from empire.store import UtcDateTime, now


class AuditLine(SQLModel, table=True):
    """One act of one person. `via` tells by which key, token or session."""

    __tablename__ = "audit"

    id: int | None = Field(default=None, primary_key=True)
    at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    email: str
    via: str
    act: str
    app: str = Field(default="", index=True)
    detail: str = ""


def lines(session: Session, app: str = "", limit: int = 100) -> list[AuditLine]:
    """Return the newest lines, newest first, of one app or of all."""
    query = select(AuditLine).order_by(col(AuditLine.id).desc()).limit(limit)
    return list(session.exec(query.where(AuditLine.app == app) if app else query))
