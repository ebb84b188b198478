"""Who asks, and for which version of the API."""

import base64
import binascii
import re

from apiserver import errors
from empire import tokens
from empire.actors import Actor
from empire.store import Store

# `version=3.sdk` and its like are Heroku's variants of version 3; clients send many of them.
_VERSION = re.compile(
    r"application/vnd\.heroku\+json\s*;\s*version=\"?3(\.[a-z0-9-]+)?\"?\s*", re.IGNORECASE
)


def check_version(accept: str) -> None:
    """Raise NotAcceptable unless version 3 of Heroku's API is asked for."""
    if not any(_VERSION.match(part) for part in accept.split(",")):
        raise errors.wrong_version()


def actor_of(store: Store, authorization: str) -> Actor:
    """Return whose token the header holds; raises Unauthorized."""
    token = _token(authorization)
    if not token:
        raise errors.no_token()
    with store.reading() as session:
        return tokens.identify(session, token)


def _token(authorization: str) -> str:
    scheme, _, value = authorization.strip().partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    return _password(value) if scheme.lower() == "basic" else ""


def _password(credentials: str) -> str:
    # Old clients send the token as the password, with any user name or none.
    try:
        plain = base64.b64decode(credentials.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""
    return plain.partition(":")[2]
