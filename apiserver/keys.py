"""/account/keys: the SSH keys of the person who asks."""

from fastapi import APIRouter
from pydantic import BaseModel

from apiserver import shapes
from apiserver.calls import Asked, Identity
from apiserver.ranges import Paged
from empire import keys
from empire.keys import Key

router = APIRouter(prefix="/account/keys")


class KeyWish(BaseModel):
    """A public key to add."""

    public_key: str


@router.get("")
def list_keys(call: Asked, page: Paged) -> list[shapes.Key]:
    """Return the person's keys."""
    with call.store.reading() as session:
        found = [_shaped(key, call.actor.email) for key in keys.of(session, call.actor.user_id)]
    return page.of(found, "created_at", "id", "fingerprint")


@router.post("", status_code=201)
def add_key(call: Asked, wish: KeyWish) -> shapes.Key:
    """Add a key."""
    with call.store.writing() as session:
        key = keys.add(session, call.actor.user_id, wish.public_key, by=call.actor)
        return _shaped(key, call.actor.email)


@router.get("/{key}")
def show_key(call: Asked, key: Identity) -> shapes.Key:
    """Return the key with the id or fingerprint."""
    with call.store.reading() as session:
        return _shaped(keys.find(session, call.actor.user_id, key), call.actor.email)


@router.delete("/{key}")
def remove_key(call: Asked, key: Identity) -> shapes.Key:
    """Delete the key and return it."""
    with call.store.writing() as session:
        found = keys.find(session, call.actor.user_id, key)
        keys.remove(session, found, by=call.actor)
        return _shaped(found, call.actor.email)


def _shaped(key: Key, email: str) -> shapes.Key:
    return shapes.Key(
        id=key.id,
        comment=key.comment,
        email=email,
        fingerprint=key.fingerprint,
        public_key=f"{key.public_key} {key.comment}".strip(),
        created_at=key.created_at,
        updated_at=key.created_at,
    )
