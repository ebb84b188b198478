"""/apps/{app}/formation: how many dynos of each type are wished for, and how large."""

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field
from sqlmodel import Session

from apiserver import shapes
from apiserver.apps import reference
from apiserver.calls import Asked, Call, Identity
from apiserver.dynos import DEFAULT_COMMAND
from apiserver.ranges import Paged
from empire import formation, releases, scaling
from empire.access import Permission
from empire.apps import App
from empire.errors import NotFound
from empire.scaling import Wish

router = APIRouter(prefix="/apps/{app}/formation")


class SizeWish(BaseModel):
    """A size by its name."""

    name: str


class TypeChange(BaseModel):
    """What shall become of a process type. A quantity may be relative: "+1"."""

    quantity: int | str | None = None
    size: str | None = None
    dyno_size: SizeWish | None = None

    def of(self, type_: str) -> Wish:
        """Return it as the domain's wish for a process type."""
        size = self.size or (self.dyno_size.name if self.dyno_size else None)
        return Wish(type_, None if self.quantity is None else str(self.quantity), size)


class Update(TypeChange):
    """One of several changes."""

    type: str


class Updates(BaseModel):
    """Changes of several process types in one deployment."""

    updates: list[Update] = Field(max_length=100)


@router.get("")
def list_formation(call: Asked, page: Paged, app: Identity) -> list[shapes.Formation]:
    """Return the wished quantity and size of each process type."""
    with call.store.reading() as session:
        found = call.app(session, app, Permission.VIEW)
        return page.of(_formation(session, found), "type", "id")


@router.patch("")
def change_formation(
    call: Asked, app: Identity, wish: Updates, response: Response
) -> list[shapes.Formation]:
    """Scale several process types at once; return them as they will be."""
    wishes = [update.of(_type_named(call, app, update.type)) for update in wish.updates]
    changed = _change(call, app, wishes, response)
    asked = {one.type for one in wishes}
    return [one for one in changed if one.type in asked]


@router.get("/{type_}")
def show_formation(call: Asked, app: Identity, type_: Identity) -> shapes.Formation:
    """Return the formation of the process type."""
    with call.store.reading() as session:
        found = call.app(session, app, Permission.VIEW)
        for one in _formation(session, found):
            if type_ in (one.id, one.type):
                return one
    raise NotFound(
        f"The app has no process type {type_!r}.",
        fix="Process types come with a push: the Procfile names them.",
    )


@router.patch("/{type_}")
def change_type(
    call: Asked, app: Identity, type_: Identity, wish: TypeChange, response: Response
) -> shapes.Formation:
    """Scale the process type; return it as it will be."""
    name = _type_named(call, app, type_)
    changed = _change(call, app, [wish.of(name)], response)
    return next(one for one in changed if one.type == name)


def _change(
    call: Call, name: str, wishes: list[Wish], response: Response
) -> list[shapes.Formation]:
    """Submit the change; the header Empire-Deployment names the deployment that carries it."""
    with call.store.writing() as session:
        app = call.app(session, name, Permission.OPERATE)
        deployment = scaling.scale(session, app, wishes, by=call.actor)
        if deployment:
            response.headers["Empire-Deployment"] = str(deployment.number)
        return _formation(session, app)


def _type_named(call: Call, app: str, type_or_id: str) -> str:
    """Return the process type of that id, or what was given: the domain says what is unknown."""
    with call.store.reading() as session:
        rows = formation.of(session, call.app(session, app, Permission.OPERATE).id).values()
        return next((row.type for row in rows if row.id == type_or_id), type_or_id)


def _formation(session: Session, app: App) -> list[shapes.Formation]:
    commands = releases.newest(session, app.id).processes
    rows = formation.of(session, app.id)
    return [
        shapes.Formation(
            id=rows[type_].id,
            app=reference(app),
            type=type_,
            command=commands[type_] or DEFAULT_COMMAND,
            quantity=quantity,
            size=size,
            dyno_size=shapes.Named(id=shapes.stable_id("size", size), name=size),
            created_at=app.created_at,
            updated_at=app.updated_at,
        )
        for type_, (quantity, size) in scaling.wished(session, app).items()
    ]
