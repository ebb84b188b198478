"""/account: who asks."""

from fastapi import APIRouter

from apiserver import shapes
from apiserver.calls import Asked, Call, Identity
from empire import users
from empire.errors import NotFound
from empire.users import User

router = APIRouter()


@router.get("/account")
def show_account(call: Asked) -> shapes.Account:
    """Return the person who asks."""
    with call.store.reading() as session:
        return _shaped(users.find(session, call.actor.user_id))


@router.get("/users/{user}")
def show_user(call: Asked, user: Identity) -> shapes.Account:
    """Return the person, who may only be the one who asks."""
    check_self(call, user)
    return show_account(call)


def check_self(call: Call, user: str) -> None:
    """Raise NotFound unless `~`, the id or the e-mail address names the person who asks."""
    if user.lower() not in ("~", call.actor.user_id, call.actor.email.lower()):
        raise NotFound(f"There is no person {user!r} that you can see.", fix="Use ~ for yourself.")


def _shaped(user: User) -> shapes.Account:
    return shapes.Account(
        id=user.id,
        email=user.email,
        name=user.name,
        created_at=user.created_at,
        updated_at=user.updated_at,
    )
