"""/apps: list, make, show, change, destroy."""

from fastapi import APIRouter, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel
from sqlmodel import Session

from apiserver import errors, shapes, waiting
from apiserver.account import check_self
from apiserver.calls import Asked, Call, Identity
from apiserver.ranges import Paged
from empire import access, apps, deployments, line, routing
from empire.access import Permission
from empire.apps import App
from empire.errors import NotFound
from empire.users import User

DESTROY_SECONDS = 50.0
"""How long a destroy is waited for: Heroku's CLI gives up on a silent answer after 60."""

router = APIRouter()


class AppWish(BaseModel):
    """What may be asked of a new app; region and stack are what the server has."""

    name: str | None = None
    internal_routing: bool | None = None


class AppChange(BaseModel):
    """What may be changed of an app; what is None stays as it is."""

    name: str | None = None
    maintenance: bool | None = None


@router.get("/apps")
def list_apps(call: Asked, page: Paged) -> list[shapes.App]:
    """Return the apps that the person may see."""
    with call.store.reading() as session:
        found = [shaped(session, app, call) for app in apps.visible_to(session, call.actor)]
    return page.of(found, "name", "id", "updated_at")


@router.get("/users/{user}/apps")
def list_own_apps(call: Asked, page: Paged, user: Identity) -> list[shapes.App]:
    """Return the person's own apps."""
    check_self(call, user)
    with call.store.reading() as session:
        mine = [a for a in apps.visible_to(session, call.actor) if a.owner_id == call.actor.user_id]
        found = [shaped(session, app, call) for app in mine]
    return page.of(found, "name", "id", "updated_at")


@router.post("/apps", status_code=201)
def create_app(call: Asked, wish: AppWish | None = None) -> shapes.App:
    """Make an app, with a name of its own where none is wished."""
    with call.store.writing() as session:
        access.require_creation(session, call.actor)
        wish = wish or AppWish()
        is_internal = bool(wish.internal_routing)
        app = apps.create(session, wish.name, is_internal=is_internal, by=call.actor)
        return shaped(session, app, call)


@router.get("/apps/{app}")
def show_app(call: Asked, app: Identity) -> shapes.App:
    """Return the app."""
    with call.store.reading() as session:
        return shaped(session, call.app(session, app, Permission.VIEW), call)


@router.patch("/apps/{app}")
def change_app(call: Asked, app: Identity, wish: AppChange) -> shapes.App:
    """Rename the app, or turn its maintenance on or off; return when the router does so."""
    needed = Permission.OPERATE if wish.name is None else Permission.OWN
    with call.store.writing() as session:
        found = call.app(session, app, needed)
        if wish.name is not None:
            apps.rename(session, found, wish.name, by=call.actor)
        if wish.maintenance is not None and wish.maintenance != found.is_in_maintenance:
            apps.maintain(session, found, wish.maintenance, by=call.actor)
        changed = shaped(session, found, call)
    # The router may take its time: no transaction waits for it. Reconciling does it after a crash.
    routing.refresh(call.store, call.platform, found.handle)
    return changed


@router.delete("/apps/{app}")
async def destroy_app(call: Asked, app: Identity, response: Response) -> shapes.App:
    """Destroy the app and return what it was; 202 when that takes longer than DESTROY_SECONDS."""
    gone, deployment_id = await run_in_threadpool(_submit_destroy, call, app)

    def is_gone() -> bool:
        try:
            with call.store.reading() as session:
                deployment = deployments.find(session, deployment_id)
        except NotFound:  # its row goes with the app
            return True
        if not deployment.is_open and deployment.code:
            raise errors.of_deployment(deployment)
        return False

    if not await waiting.until(call.door, is_gone, DESTROY_SECONDS):
        response.status_code = 202
    return gone


def shaped(session: Session, app: App, call: Call) -> shapes.App:
    """Return the app as it goes over the wire."""
    owner = session.get(User, app.owner_id)
    return shapes.App(
        id=app.id,
        name=app.name,
        acm=call.door.settings.backend == "aws",
        internal_routing=app.is_internal,
        owner=shapes.Person(id=app.owner_id, email=owner.email if owner else ""),
        maintenance=app.is_in_maintenance,
        git_url=f"ssh://git@{_ssh_place(call)}/{app.name}.git",
        web_url=call.platform.router.url(apps.hostnames(session, app)[0]).rstrip("/") + "/",
        created_at=app.created_at,
        updated_at=app.updated_at,
        released_at=app.released_at,
        build_stack=shapes.STACK,
        stack=shapes.STACK,
        generation=shapes.GENERATION,
        region=shapes.REGION,
    )


def reference(app: App) -> shapes.Named:
    """Return the reference to an app."""
    return shapes.Named(id=app.id, name=app.name)


def _ssh_place(call: Call) -> str:
    # Whoever reached this door by a name reaches the other one by the same name.
    host = f"[{call.host}]" if ":" in call.host else call.host
    return f"{host}:{call.door.settings.ssh_port}"


def _submit_destroy(call: Call, name: str) -> tuple[shapes.App, str]:
    with call.store.writing() as session:
        app = call.app(session, name, Permission.OWN)
        deployment = line.submit_destroy(session, app, by=call.actor)
        return shaped(session, app, call), deployment.id
