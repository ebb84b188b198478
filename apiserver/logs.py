"""/apps/{app}/log-sessions: an address from which the app's log streams as server-sent events."""

import json
import time
from typing import Annotated

from fastapi import APIRouter, Header, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from apiserver import shapes, tails
from apiserver.apps import reference
from apiserver.calls import Asked, Call, Door, Identity, door_of
from apiserver.tails import Parts, Wish
from empire import access, logs, users
from empire.access import Permission
from empire.apps import App
from empire.errors import EmpireError, NotFound
from empire.logs import LogFilter
from empire.secrets import Secret
from empire.store import new_id, now

SESSION_SECONDS = 24 * 3600
"""How long the address of a log session opens."""

router = APIRouter()


class LogWish(BaseModel):
    """What of the log is wished; Heroku's CLI sends a process type as `dyno`, too.

    `since` ("10m" or an ISO time) and `grep` are ours.
    """

    dyno: str | None = None
    dyno_name: str | None = None
    type: str | None = None
    source: str | None = None
    lines: int = Field(default=100, ge=0)
    tail: bool = False
    since: str | None = None
    grep: str | None = None


@router.post("/apps/{app}/log-sessions", status_code=201)
def create_log_session(
    call: Asked, app: Identity, wish: LogWish | None = None
) -> shapes.LogSession:
    """Return an address that needs no token and opens for a day."""
    with call.store.reading() as session:
        found = call.app(session, app, Permission.VIEW)
    ticket = _seal(call, found, wish or LogWish())
    at = now()
    return shapes.LogSession(
        id=new_id(),
        logplex_url=call.url(f"/logs/{ticket}"),
        created_at=at,
        updated_at=at,
    )


@router.get("/logs/{ticket}")
async def stream_log(
    request: Request, ticket: Identity, last_event_id: Annotated[str, Header()] = ""
) -> StreamingResponse:
    """Send the log; after a lost connection, what came after the last event that was seen."""
    door = door_of(request)
    wish = await run_in_threadpool(_open, door, ticket)
    seen = int(last_event_id) if last_event_id.isdigit() else None
    return StreamingResponse(
        tails.stream(door, _parts_of(request), wish, seen), media_type="text/event-stream"
    )


def _seal(call: Call, app: App, wish: LogWish) -> str:
    content = {
        "since": logs.since(wish.since or ""),
        "grep": wish.grep or "",
        "app": reference(app).id,
        "user": call.actor.user_id,
        "until": time.time() + SESSION_SECONDS,
        "dyno": wish.dyno or wish.dyno_name or wish.type or "",
        "source": logs.source(wish.source or ""),
        "lines": min(wish.lines, tails.MOST_LINES),
        "tail": wish.tail,
    }
    return call.store.vault.seal(Secret(json.dumps(content))).decode()


def _open(door: Door, ticket: str) -> Wish:
    try:
        content = json.loads(door.store.vault.unseal(ticket.encode("utf-8", "replace")).reveal())
        is_over = content["until"] < time.time()
    except (EmpireError, ValueError, KeyError, TypeError):
        raise _no_session() from None
    if is_over:
        raise _no_session()
    with door.store.reading() as session:
        actor = users.acting(users.find(session, content["user"]), "log session")
        app = access.require(session, actor, content["app"], Permission.VIEW)
    wish = LogFilter(content["dyno"], content["source"], content["since"], content["grep"])
    return Wish(app.handle, wish, content["lines"], content["tail"])


def _parts_of(request: Request) -> Parts:
    parts = request.app.state.log_parts
    assert isinstance(parts, Parts)
    return parts


def _no_session() -> NotFound:
    return NotFound("There is no log session at this address.", fix="Start a new one: empire logs")
