"""/apps/{app}/placement: on what an app's tasks run on AWS. Our own: Heroku has none."""

from fastapi import APIRouter
from pydantic import BaseModel

from apiserver.calls import Asked, Identity
from empire import placements
from empire.access import Permission
from empire.apps import App

router = APIRouter(prefix="/apps/{app}/placement")


class Placement(BaseModel):
    """FARGATE, FARGATE_SPOT or EC2, and X86_64 or ARM64; null is what the server's settings say."""

    capacity: str | None = None
    architecture: str | None = None


@router.get("")
def show_placement(call: Asked, app: Identity) -> Placement:
    """Return the app's own placement."""
    with call.store.reading() as session:
        return _shape(call.app(session, app, Permission.VIEW))


@router.patch("")
def change_placement(call: Asked, app: Identity, wish: Placement) -> Placement:
    """Place the app from its next release or restart on; what is left out stays as it is."""
    given = {name: getattr(wish, name) or "" for name in wish.model_fields_set}
    with call.store.writing() as session:
        found = call.app(session, app, Permission.OWN)
        placements.put(session, found, **given, by=call.actor)
        return _shape(found)


def _shape(app: App) -> Placement:
    return Placement(capacity=app.capacity or None, architecture=app.architecture or None)
