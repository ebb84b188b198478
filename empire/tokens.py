"""API tokens: shown once, stored as a hash."""

import hashlib
import secrets
from datetime import datetime

from sqlmodel import Field, Session, SQLModel, col, select

from empire.actors import Actor, record
from empire.errors import Unauthorized
from empire.secrets import Secret
from empire.store import UtcDateTime, new_id, now
from empire.users import acting
from empire.users import find as find_user

PREFIX = "EMP-"


class Token(SQLModel, table=True):
    """A token of a person. `digest` is SHA-256 of 256 random bits, which needs no salt."""

    __tablename__ = "tokens"

    id: str = Field(default_factory=new_id, primary_key=True)
    user_id: str = Field(foreign_key="users.id", index=True)
    digest: str = Field(unique=True, index=True)
    description: str = ""
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)


def create(session: Session, user_id: str, description: str, *, by: Actor) -> tuple[Token, Secret]:
    """Return a new token and its value, which nobody can read again."""
    value = PREFIX + secrets.token_urlsafe(32)
    token = Token(user_id=user_id, digest=_digest(value), description=description)
    session.add(token)
    record(session, by, "tokens:create", detail=f"{token.id} {description}")
    session.flush()
    return token, Secret(value)


def identify(session: Session, value: str) -> Actor:
    """Return whose token it is; raises Unauthorized.

    The look-up is by digest: how long it takes tells nothing of the token.
    """
    token = session.exec(select(Token).where(Token.digest == _digest(value))).first()
    if not token:
        raise Unauthorized(
            "The token is not valid.",
            fix="Log in again: empire login",
        )
    return acting(find_user(session, token.user_id), f"token {token.id}")


def of(session: Session, user_id: str) -> list[Token]:
    """Return the person's tokens, oldest first."""
    query = select(Token).where(Token.user_id == user_id)
    return list(session.exec(query.order_by(col(Token.created_at))))


def revoke(session: Session, token: Token, *, by: Actor) -> None:
    """Delete the token; it opens nothing any more."""
    session.delete(token)
    record(session, by, "tokens:revoke", detail=token.id)


def _digest(value: str) -> str:
    return hashlib.sha256(value.encode("utf-8", "replace")).hexdigest()
