"""Persons."""

from datetime import datetime
from enum import StrEnum

from sqlmodel import Field, Session, SQLModel, col, select

from empire.actors import Actor, record
from empire.errors import Conflict, InvalidInput, NotFound
from empire.names import shown
from empire.store import UtcDateTime, new_id, now, stored


class Role(StrEnum):
    """What a person may do on this server as a whole."""

    OWNER = "owner"
    MEMBER = "member"
    VIEWER = "viewer"


class User(SQLModel, table=True):
    """A person. The e-mail address is their name to other systems; it is unique."""

    __tablename__ = "users"

    id: str = Field(default_factory=new_id, primary_key=True)
    email: str = Field(unique=True, index=True)
    name: str
    role: Role = Field(default=Role.MEMBER, sa_type=stored(Role))
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    updated_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)


def first(session: Session, name: str, email: str) -> tuple[User, bool]:
    """Return the server's first owner, made now when there is nobody yet; and whether it was made."""
    known = session.exec(select(User).order_by(col(User.created_at))).first()
    if known:
        return known, False
    user = User(email=checked_email(email), name=name, role=Role.OWNER)
    session.add(user)
    record(session, acting(user, "first start"), "users:create", detail=user.email)
    session.flush()
    return user, True


def create(session: Session, email: str, name: str, *, role: Role = Role.MEMBER, by: Actor) -> User:
    """Return a new person; raises Conflict when the address is taken."""
    if session.exec(select(User).where(User.email == checked_email(email))).first():
        raise Conflict(
            f"There is already a person with the address {email}.",
            why="The address tells persons apart, so each has one of their own.",
            fix="Use another address, or add a key to the person who is there.",
        )
    user = User(email=email.lower(), name=name, role=role)
    session.add(user)
    record(session, by, "users:create", detail=f"{user.email} {role}")
    session.flush()
    return user


def find(session: Session, user_id: str) -> User:
    """Return the person with the id or the e-mail address; raises NotFound."""
    user = session.get(User, user_id)
    user = user or session.exec(select(User).where(User.email == user_id.lower())).first()
    if not user:
        raise NotFound("There is no such person.", fix="Ask an owner of the server who may use it.")
    return user


def acting(user: User, via: str) -> Actor:
    """Return the person as an actor."""
    return Actor(user_id=user.id, name=user.name, email=user.email, via=via)


def checked_email(email: str) -> str:
    """Return the address in lower case; raises InvalidInput when it cannot be one."""
    name, at, host = email.partition("@")
    if not (name and at and host) or any(sign.isspace() for sign in email):
        raise InvalidInput(
            f"{shown(email)} is not an e-mail address.",
            why="An address has a name, an @ and a host, and no spaces.",
        )
    return email.lower()
