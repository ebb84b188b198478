"""From a checked source to a deployment, and its story back to the pusher."""

from empire import access, deployments
from empire.access import Permission
from empire.deployments import Deployment
from empire.errors import EmpireError
from empire.events import Failed
from empire.manifest import Source
from gitserver.call import Call
from gitserver.reply import Reply


def submit(call: Call, source: Source, ref: str) -> tuple[Deployment, bool]:
    """Return the source's deployment, and whether it had begun before this push."""
    with call.door.store.writing() as session:
        app = access.require(session, call.actor, call.app, Permission.DEPLOY)
        return deployments.submit_push(session, app, source=source, ref=ref, by=call.actor)


def follow(call: Call, deployment: Deployment, reply: Reply) -> EmpireError | None:
    """Show the deployment until it ends; return why it failed, or None when it is live.

    When the pusher is gone there is nobody to tell, and the deployment goes on without us.
    """
    quiet = call.door.settings.ssh_keepalive_seconds
    for event in deployments.follow(call.door.store, deployment.id, quiet_seconds=quiet):
        reply.show(event)
        if isinstance(event, Failed):
            return EmpireError(event.what, why=event.why, fix=event.fix)
    return None
