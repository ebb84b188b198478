"""/apps/{app}/formation: how many dynos of each type are wished for."""

from fastapi import APIRouter

from apiserver import shapes
from apiserver.apps import reference
from apiserver.calls import Asked, Call, Identity
from apiserver.dynos import DEFAULT_COMMAND
from apiserver.ranges import Paged
from empire import formation, releases
from empire.access import Permission
from empire.apps import App
from empire.errors import NotFound
from empire.formation import Formation

router = APIRouter(prefix="/apps/{app}/formation")


@router.get("")
def list_formation(call: Asked, page: Paged, app: Identity) -> list[shapes.Formation]:
    """Return the wished quantity and size of each process type."""
    return page.of(_formation(call, app), "type", "id")


@router.get("/{type_}")
def show_formation(call: Asked, app: Identity, type_: Identity) -> shapes.Formation:
    """Return the formation of the process type."""
    for one in _formation(call, app):
        if type_ in (one.id, one.type):
            return one
    raise NotFound(
        f"The app has no process type {type_!r}.",
        fix="Process types come with a push: the Procfile names them.",
    )


def _formation(call: Call, name: str) -> list[shapes.Formation]:
    with call.store.reading() as session:
        app = call.app(session, name, Permission.VIEW)
        commands = releases.newest(session, app.id).processes
        rows = formation.of(session, app.id).values()
        return [_shaped(row, app, commands.get(row.type, "")) for row in rows]


def _shaped(row: Formation, app: App, command: str) -> shapes.Formation:
    return shapes.Formation(
        id=row.id,
        app=reference(app),
        type=row.type,
        command=command or DEFAULT_COMMAND,
        quantity=row.quantity,
        size=row.size,
        dyno_size=shapes.Named(id=shapes.stable_id("size", row.size), name=row.size),
        created_at=app.created_at,
        updated_at=app.updated_at,
    )
