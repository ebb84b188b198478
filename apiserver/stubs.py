"""What Heroku's CLI asks for on its way: collaborators, and parts that this platform does not have."""

from fastapi import APIRouter

from apiserver import shapes
from apiserver.apps import reference
from apiserver.calls import Asked, Call, Identity
from apiserver.ranges import Paged
from empire import users
from empire.access import Permission
from empire.apps import App
from empire.errors import NotFound

router = APIRouter(prefix="/apps/{app}")


@router.get("/addons")
def list_addons(call: Asked, app: Identity) -> list[shapes.Nothing]:
    """Return the app's add-ons: none, on this platform."""
    _visible(call, app)
    return []


@router.get("/sni-endpoints")
def list_sni_endpoints(call: Asked, app: Identity) -> list[shapes.Nothing]:
    """Return the certificates that somebody brought: none, each domain gets its own by itself."""
    _visible(call, app)
    return []


@router.get("/collaborators")
def list_collaborators(call: Asked, page: Paged, app: Identity) -> list[shapes.Collaborator]:
    """Return who works on the app: its owner."""
    found = _visible(call, app)
    with call.store.reading() as session:
        owner = users.find(session, found.owner_id)
    shape = shapes.Collaborator(
        id=shapes.stable_id("collaborator", f"{found.id} {owner.id}"),
        app=reference(found),
        user=shapes.Collaborating(id=owner.id, email=owner.email),
        role="owner",
        created_at=found.created_at,
        updated_at=found.created_at,
    )
    return page.of([shape], "id")


@router.get("/pipeline-couplings")
def show_coupling(call: Asked, app: Identity) -> shapes.Nothing:
    """Raise NotFound: no app is in a pipeline."""
    found = _visible(call, app)
    raise NotFound(f"{found.name} is in no pipeline.")


def _visible(call: Call, name: str) -> App:
    with call.store.reading() as session:
        return call.app(session, name, Permission.VIEW)
