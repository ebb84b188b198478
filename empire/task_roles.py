"""What an app's code may do in the AWS account: the role of its tasks, one of its own or the server's."""

import re

from sqlmodel import Session

from empire.actors import Actor, record
from empire.apps import App
from empire.errors import Conflict, InvalidInput
from empire.names import shown
from empire.store import now, store_of

ROLE = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]{1,512}", re.ASCII)


def put(session: Session, app: App, role: str, *, by: Actor) -> None:
    """Let the app's tasks have the role from their next start on; without one they have the server's.

    Raises InvalidInput for what is no role's ARN, Conflict where apps do not run on AWS.
    """
    if role and not ROLE.fullmatch(role):
        raise InvalidInput(
            f"{shown(role)} is no role.",
            fix="Give its ARN, such as arn:aws:iam::123456789012:role/empire-task-shop",
        )
    if role and store_of(session).settings.backend != "aws":
        raise Conflict(
            "This server runs apps on its own machine, where there are no roles.",
            fix="A server with EMPIRE_BACKEND=aws gives apps roles.",
        )
    record(session, by, "apps:role", app.name, role or "unset")
    app.task_role, app.updated_at = role, now()
    session.add(app)
