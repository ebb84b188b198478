"""On what an app's tasks run in the AWS account: capacity and processor, of its own or the server's."""

from sqlmodel import Session

from empire.actors import Actor, record
from empire.apps import App
from empire.errors import Conflict, InvalidInput
from empire.names import shown
from empire.store import now, store_of

CAPACITIES = ("FARGATE", "FARGATE_SPOT", "EC2")
ARCHITECTURES = ("X86_64", "ARM64")


def put(
    session: Session,
    app: App,
    *,
    capacity: str | None = None,
    architecture: str | None = None,
    by: Actor,
) -> None:
    """Let the app's tasks run there from their next start on; None leaves, "" is the server's own.

    Raises InvalidInput for what AWS does not have, Conflict where apps do not run on AWS.
    """
    if store_of(session).settings.backend != "aws":
        raise Conflict(
            "This server runs apps on its own machine, which is as it is.",
            fix="A server with EMPIRE_BACKEND=aws places apps.",
        )
    if capacity is not None:
        app.capacity = _known("capacity", capacity, CAPACITIES)
    if architecture is not None:
        app.architecture = _known("architecture", architecture, ARCHITECTURES)
    detail = f"capacity {app.capacity or 'unset'}, architecture {app.architecture or 'unset'}"
    record(session, by, "apps:placement", app.name, detail)
    app.updated_at = now()
    session.add(app)


def _known(what: str, wish: str, known: tuple[str, ...]) -> str:
    if wish and wish not in known:
        raise InvalidInput(f"{shown(wish)} is no {what}.", fix=f"Give one of {', '.join(known)}.")
    return wish
