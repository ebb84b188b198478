"""/apps/{app}/task-role: the AWS role that an app's code has. Our own: Heroku has none."""

from fastapi import APIRouter
from pydantic import BaseModel

from apiserver.calls import Asked, Identity
from empire import task_roles
from empire.access import Permission

router = APIRouter(prefix="/apps/{app}/task-role")


class TaskRole(BaseModel):
    """A role's ARN; null is the server's own for apps that have none."""

    role: str | None


@router.get("")
def show_task_role(call: Asked, app: Identity) -> TaskRole:
    """Return the app's own role."""
    with call.store.reading() as session:
        return TaskRole(role=call.app(session, app, Permission.VIEW).task_role or None)


@router.patch("")
def change_task_role(call: Asked, app: Identity, wish: TaskRole) -> TaskRole:
    """Give the app a role of its own from its next release or restart on, or take it away."""
    with call.store.writing() as session:
        found = call.app(session, app, Permission.OWN)
        task_roles.put(session, found, wish.role or "", by=call.actor)
        return TaskRole(role=found.task_role or None)
