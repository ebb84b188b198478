"""/apps/{app}/dynos: what runs now, as the scheduler sees it."""

from datetime import UTC, datetime

from fastapi import APIRouter
from sqlmodel import Session

from apiserver import shapes
from apiserver.apps import reference
from apiserver.calls import Asked, Call, Identity
from apiserver.ranges import Paged
from empire import releases
from empire.access import Permission
from empire.apps import App
from empire.errors import NotFound
from empire.manifest import Dyno

DEFAULT_COMMAND = "(the image's own)"
"""Stands for the command of an image that says itself what it runs."""

router = APIRouter(prefix="/apps/{app}/dynos")


@router.get("")
def list_dynos(call: Asked, page: Paged, app: Identity) -> list[shapes.Dyno]:
    """Return the app's dynos."""
    return page.of(_dynos(call, app), "name", "id")


@router.get("/{dyno}")
def show_dyno(call: Asked, app: Identity, dyno: Identity) -> shapes.Dyno:
    """Return the dyno with the name or id; of two with one name, the newer."""
    for one in reversed(_dynos(call, app)):
        if dyno in (one.id, one.name):
            return one
    raise NotFound(f"There is no dyno {dyno!r}.", fix="`empire ps` lists them.")


def _dynos(call: Call, name: str) -> list[shapes.Dyno]:
    with call.store.reading() as session:
        app = call.app(session, name, Permission.VIEW)
        ids = _release_ids(session, app)
    # The scheduler may take its time to answer: no connection is held meanwhile.
    running = call.platform.scheduler.dynos(app.handle)
    ordered = sorted(running, key=lambda dyno: (dyno.process, dyno.index, dyno.deployment))
    return [_shaped(dyno, app, ids.get(dyno.version, "")) for dyno in ordered]


def _release_ids(session: Session, app: App) -> dict[int, str]:
    return {release.version: release.id for release in releases.of_app(session, app.id)}


def _shaped(dyno: Dyno, app: App, release_id: str) -> shapes.Dyno:
    started = datetime.fromtimestamp(dyno.started_at, UTC)
    return shapes.Dyno(
        id=shapes.stable_id("dyno", dyno.id),
        name=dyno.name,
        type=dyno.process,
        app=reference(app),
        command=dyno.command or DEFAULT_COMMAND,
        release=shapes.ReleaseReference(id=release_id, version=dyno.version),
        size=dyno.size,
        state=dyno.state,
        created_at=started,
        updated_at=started,
    )
