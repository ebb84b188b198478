"""What an endpoint knows of a request: who asks, and the door's store and ports."""

import threading
from dataclasses import dataclass, field
from typing import Annotated
from urllib.parse import unquote

from fastapi import Depends, Request
from pydantic import AfterValidator
from sqlmodel import Session

from apiserver import auth
from apiserver.attachments import Attachments
from empire import access
from empire.access import Permission
from empire.actors import Actor
from empire.apps import App
from empire.platform import Platform
from empire.settings import Settings
from empire.store import Store

Identity = Annotated[str, AfterValidator(unquote)]
"""One segment of the path: a name or an id. Routing is by the raw path, so it is decoded here."""


@dataclass(frozen=True, slots=True)
class Door:
    """What all requests share. `stopping` tells open streams to end."""

    settings: Settings
    store: Store
    platform: Platform
    stopping: threading.Event = field(default_factory=threading.Event)
    attachments: Attachments = field(default_factory=Attachments)


@dataclass(frozen=True, slots=True)
class Call:
    """One request of one person."""

    door: Door
    actor: Actor
    base_url: str
    host: str

    @property
    def store(self) -> Store:
        """The database."""
        return self.door.store

    @property
    def platform(self) -> Platform:
        """The ports to the outside."""
        return self.door.platform

    def app(self, session: Session, name: str, permission: Permission) -> App:
        """Return the app if the person may do this with it; raises NotFound or Forbidden."""
        return access.require(session, self.actor, name, permission)

    def url(self, path: str) -> str:
        """Return the address of a path of this API, as the asking client reaches it."""
        return self.base_url + path


def door_of(request: Request) -> Door:
    """Return the door that the request came through."""
    door = request.app.state.door
    assert isinstance(door, Door)
    return door


def call_of(request: Request) -> Call:
    """Return the call; raises NotAcceptable for a wrong version, Unauthorized for a stranger."""
    auth.check_version(request.headers.get("accept", ""))
    door = door_of(request)
    return Call(
        door=door,
        actor=auth.actor_of(door.store, request.headers.get("authorization", "")),
        base_url=str(request.base_url).rstrip("/"),
        host=request.url.hostname or door.settings.listen_host,
    )


Asked = Annotated[Call, Depends(call_of)]
