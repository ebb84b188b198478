"""Who may do what: permissions, and `require`, the one gate."""

from enum import IntEnum

from sqlmodel import Session, select

from empire.actors import Actor
from empire.apps import App, missing
from empire.errors import Forbidden, NotFound
from empire.users import Role, User

__all__ = ["Actor", "Permission", "may_create_apps", "require", "require_creation"]


class Permission(IntEnum):
    """What one may do with an app. Each includes those below it."""

    NONE = 0
    VIEW = 1
    DEPLOY = 2
    OPERATE = 3
    OWN = 4


def require(session: Session, actor: Actor, name: str, permission: Permission) -> App:
    """Return the app if the actor has the permission.

    Raises NotFound for an app that is unknown or that the actor may not even see, with the same
    text, so that names cannot be guessed; Forbidden when the actor may see it but not do this.
    """
    app = session.exec(select(App).where((App.name == name) | (App.id == name))).first()
    held = _held(session, actor, app) if app else Permission.NONE
    if app is None or held < Permission.VIEW:
        raise missing(name)
    if held < permission:
        raise Forbidden(
            f"You may not {permission.name.lower()} {app.name}.",
            why=f"You have the permission to {held.name.lower()} it.",
            fix="Ask the app's owner.",
        )
    return app


def require_handle(session: Session, actor: Actor, handle: str, image: str) -> None:
    """Raise NotFound for an image of an app, by its handle, that the actor may not see."""
    app = session.exec(select(App).where(App.handle == handle)).first()
    if app is None or _held(session, actor, app) < Permission.VIEW:
        raise NotFound(
            f"The image {image} is not yours.",
            why="It was built here for an app that you cannot see, or that is gone.",
            fix="Ask that app's owner.",
        )


def may_create_apps(session: Session, actor: Actor) -> bool:
    """Tell whether the actor may make apps: members and owners of the server may."""
    user = session.get(User, actor.user_id)
    return user is not None and user.role in (Role.OWNER, Role.MEMBER)


def require_creation(session: Session, actor: Actor) -> None:
    """Raise Forbidden unless the actor may make apps."""
    if not may_create_apps(session, actor):
        raise Forbidden(
            "You may not create apps on this server.", fix="Ask an owner of the server."
        )


def _held(session: Session, actor: Actor, app: App) -> Permission:
    user = session.get(User, actor.user_id)
    if user is None:
        return Permission.NONE
    if app.owner_id == user.id or user.role == Role.OWNER:
        return Permission.OWN
    return Permission.VIEW if user.role == Role.VIEWER else Permission.NONE
