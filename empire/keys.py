"""SSH public keys: how a person is known to the git door."""

import base64
import binascii
import hashlib
from datetime import datetime

from sqlmodel import Field, Session, SQLModel, col, select

from empire.actors import Actor, record
from empire.errors import Conflict, InvalidInput, NotFound, Unauthorized
from empire.events import masked
from empire.store import UtcDateTime, new_id, now
from empire.users import acting
from empire.users import find as find_user

KINDS = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "ssh-rsa",
)
RSA_MIN_BITS = 2048


class Key(SQLModel, table=True):
    """A public key of a person. The fingerprint is OpenSSH's: SHA256: and base64 without padding."""

    __tablename__ = "keys"

    id: str = Field(default_factory=new_id, primary_key=True)
    user_id: str = Field(foreign_key="users.id", index=True)
    fingerprint: str = Field(unique=True, index=True)
    public_key: str
    comment: str = ""
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)


def add(session: Session, user_id: str, text: str, *, by: Actor) -> Key:
    """Return the key, added to the person. Adding one's own key again returns it unchanged.

    Raises InvalidInput for what is no public key, Conflict when it is another person's.
    """
    public_key, comment = parse(text)
    mark = fingerprint(public_key)
    known = session.exec(select(Key).where(Key.fingerprint == mark)).first()
    if known and known.user_id == user_id:
        return known
    if known:
        raise Conflict(
            "This key belongs to another person already.",
            why="A key tells who somebody is, so it can have only one owner.",
            fix="Make a key of your own: ssh-keygen -t ed25519",
        )
    key = Key(user_id=user_id, fingerprint=mark, public_key=public_key, comment=comment)
    session.add(key)
    record(session, by, "keys:add", detail=mark)
    session.flush()
    return key


def of(session: Session, user_id: str) -> list[Key]:
    """Return the person's keys, oldest first."""
    return list(
        session.exec(select(Key).where(Key.user_id == user_id).order_by(col(Key.created_at)))
    )


def find(session: Session, user_id: str, name: str) -> Key:
    """Return the person's key by id, fingerprint or comment; raises NotFound."""
    for key in of(session, user_id):
        if name in (key.id, key.fingerprint, key.comment):
            return key
    raise NotFound(
        f"You have no key {name!r}.",
        fix="`empire keys` lists your keys.",
    )


def remove(session: Session, key: Key, *, by: Actor) -> None:
    """Delete the key; who holds it is not let in any more."""
    session.delete(key)
    record(session, by, "keys:remove", detail=key.fingerprint)


def identify(session: Session, mark: str) -> Actor:
    """Return who holds the key with the fingerprint; raises Unauthorized."""
    key = session.exec(select(Key).where(Key.fingerprint == mark)).first()
    if not key:
        raise Unauthorized("This key is not known here.", fix="Add it: empire keys:add")
    return acting(find_user(session, key.user_id), f"key {mark}")


def fingerprint(public_key: str) -> str:
    """Return OpenSSH's SHA256 fingerprint of a public key line."""
    blob = base64.b64decode(public_key.split()[1])
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def parse(text: str) -> tuple[str, str]:
    """Return "type base64" and the comment of a public key line; raises InvalidInput."""
    if "PRIVATE KEY" in text:
        raise InvalidInput(
            "This is a private key. Keep it to yourself.",
            why="The server needs the public half only.",
            fix="Send the file that ends in .pub. The private key was not stored.",
        )
    kind, blob, comment = (*text.strip().split(None, 2), "", "", "")[:3]
    if kind not in KINDS or "\n" in text.strip():
        raise _not_a_key(f"It starts with {kind[:30]!r}.")
    try:
        content = base64.b64decode(blob, validate=True)
    except (binascii.Error, ValueError):
        raise _not_a_key("Its middle part is not base64.") from None
    if not content.startswith(_field(kind.encode())) or len(content) < 4 + len(kind) + 32:
        raise _not_a_key(f"Its content is not that of a key of type {kind}.")
    if kind == "ssh-rsa" and _rsa_bits(content) < RSA_MIN_BITS:
        raise InvalidInput(
            f"This RSA key is too short: {_rsa_bits(content)} bits.",
            why=f"Keys under {RSA_MIN_BITS} bits can be broken.",
            fix="Make a new one: ssh-keygen -t ed25519",
        )
    return f"{kind} {blob}", masked(comment)


def _field(content: bytes) -> bytes:
    return len(content).to_bytes(4, "big") + content


def _rsa_bits(content: bytes) -> int:
    # RFC 4253, section 6.6: string "ssh-rsa", mpint e, mpint n.
    fields, rest = [], content
    while len(rest) >= 4:
        size = int.from_bytes(rest[:4], "big")
        fields.append(rest[4 : 4 + size])
        rest = rest[4 + size :]
    return int.from_bytes(fields[2], "big").bit_length() if len(fields) > 2 else 0


def _not_a_key(why: str) -> InvalidInput:
    return InvalidInput(
        "This is not a public key that Empire takes.",
        why=f"{why} Taken are ed25519, ecdsa and rsa keys in OpenSSH's one-line form.",
        fix="Make one with `ssh-keygen -t ed25519` and send the file that ends in .pub.",
    )
