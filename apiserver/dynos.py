"""/apps/{app}/dynos: what runs now, as the scheduler sees it."""

import time
from dataclasses import replace
from datetime import UTC, datetime

from fastapi import APIRouter
from sqlmodel import Session

from apiserver import shapes
from apiserver.apps import reference
from apiserver.calls import Asked, Call, Identity
from apiserver.ranges import Paged
from empire import manifests, releases
from empire.access import Permission
from empire.apps import App
from empire.errors import NotFound
from empire.logs import LogFilter
from empire.manifest import Dyno, Manifest

DEFAULT_COMMAND = "(the image's own)"
"""Stands for the command of an image that says itself what it runs."""

SHAKY_SECONDS = 10.0
"""A dyno that crashed more than once and came up again since is not trusted for so long."""
LAST_LINES = 10

router = APIRouter(prefix="/apps/{app}/dynos")


@router.get("", response_model=None)
def list_dynos(
    call: Asked, page: Paged, app: Identity, *, extended: bool = False
) -> list[shapes.Dyno]:
    """Return the app's dynos; extended by why they ended, and what they said at last."""
    return page.of(_dynos(call, app, extended), "name", "id")


@router.get("/{dyno}", response_model=None)
def show_dyno(call: Asked, app: Identity, dyno: Identity, *, extended: bool = False) -> shapes.Dyno:
    """Return the dyno with the name or id; of two with one name, the newer."""
    for one in reversed(_dynos(call, app, extended)):
        if dyno in (one.id, one.name):
            return one
    raise NotFound(f"There is no dyno {dyno!r}.", fix="`empire ps` lists them.")


def _dynos(call: Call, name: str, is_extended: bool) -> list[shapes.Dyno]:
    with call.store.reading() as session:
        app = call.app(session, name, Permission.VIEW)
        ids = _release_ids(session, app)
        live = manifests.live(session, app)
    # The scheduler may take its time to answer: no connection is held meanwhile.
    runs = call.platform.one_offs.runs(app.handle)
    dynos = [_told(dyno, live) for dyno in call.platform.scheduler.dynos(app.handle)]
    running = [*dynos, *(run.dyno for run in runs)]
    ordered = sorted(running, key=lambda dyno: (dyno.process, dyno.index, dyno.deployment))
    found = [shaped(dyno, app, ids.get(dyno.version, "")) for dyno in ordered]
    if not is_extended:
        return found
    return [
        shapes.ExtendedDyno(**dict(shape), extended=_extended(call, app, dyno, shape.state))
        for dyno, shape in zip(ordered, found, strict=True)
    ]


def _told(dyno: Dyno, live: Manifest | None) -> Dyno:
    """Return the dyno; one that a newer one replaced still ends what it has in flight."""
    is_old = live and dyno.deployment <= live.deployment and not live.holds(dyno)
    return replace(dyno, state="stopping") if is_old else dyno


def _release_ids(session: Session, app: App) -> dict[int, str]:
    return {release.version: release.id for release in releases.of_app(session, app.id)}


def shaped(dyno: Dyno, app: App, release_id: str) -> shapes.Dyno:
    """Return the dyno as it goes over the wire."""
    started = datetime.fromtimestamp(dyno.started_at, UTC)
    return shapes.Dyno(
        id=shapes.stable_id("dyno", dyno.id),
        name=dyno.name,
        type=dyno.process,
        app=reference(app),
        command=dyno.command or DEFAULT_COMMAND,
        release=shapes.ReleaseReference(id=release_id, version=dyno.version),
        size=dyno.size,
        state=_state(dyno),
        created_at=started,
        updated_at=started,
    )


def _state(dyno: Dyno) -> str:
    is_shaky = dyno.restarts > 1 and time.time() - dyno.started_at < SHAKY_SECONDS
    return "crashed" if dyno.state == "up" and is_shaky else dyno.state


def _extended(call: Call, app: App, dyno: Dyno, state: str) -> shapes.Extended:
    return shapes.Extended(
        instance=dyno.id,
        ip=dyno.target.host if dyno.target else None,
        port=dyno.target.port if dyno.target else None,
        restarts=dyno.restarts,
        exit_code=dyno.exit_code,
        is_out_of_memory=dyno.is_out_of_memory,
        last_lines=_last_lines(call, app, dyno.name) if state == "crashed" else [],
    )


def _last_lines(call: Call, app: App, name: str) -> list[str]:
    lines, _ = call.platform.logs.recent(app.handle, LAST_LINES, LogFilter(dyno=name, source="app"))
    return [line.text for line in lines]
