"""From a checked source to a deployment, and its story back to the pusher."""

import time
from pathlib import Path

from empire import access, deployments, dry_run, line
from empire.access import Permission
from empire.apps import App
from empire.deployments import Deployment
from empire.errors import EmpireError
from empire.events import Failed
from empire.manifest import Source
from gitserver import errors
from gitserver.call import Call
from gitserver.reply import Reply

LANDING_SECONDS = 10.0
LOOK_SECONDS = 1.0  # how soon it is noticed that the pusher is gone


def submit(call: Call, source: Source, ref: str, *, is_fresh: bool) -> tuple[Deployment, bool]:
    """Return the source's deployment, and whether it had begun before this push."""
    with call.door.store.writing() as session:
        app = access.require(session, call.actor, call.app, Permission.DEPLOY)
        return line.submit_push(
            session, app, source=source, ref=ref, is_fresh=is_fresh, by=call.actor
        )


def would_be(call: Call) -> App:
    """Return the app, or as it would be if this push made it; who may do so was asked before."""
    return dry_run.would_be(call.door.store, call.app, by=call.actor)


def rehearse(call: Call, source: Source, reply: Reply, *, is_fresh: bool) -> EmpireError:
    """Show what a deployment of the source would do; return what git is told instead of success."""
    events = dry_run.dry_run(
        call.door.store, call.door.platform, call.app, source, lambda: reply.is_gone,
        is_fresh=is_fresh, by=call.actor,
    )  # fmt: skip
    for event in events:
        reply.show(event)
    reply.show(errors.end_of_dry_run())
    return errors.dry_run()


def follow(call: Call, deployment: Deployment, reply: Reply) -> EmpireError | None:
    """Show the deployment until it ends; return why it failed, or None when it is live.

    When the pusher is gone there is nobody to tell, and the deployment goes on without us.
    """
    quiet = min(call.door.settings.ssh_keepalive_seconds, LOOK_SECONDS)
    for event in deployments.follow(call.door.store, deployment.id, quiet_seconds=quiet):
        reply.show(event)
        if reply.is_gone:
            return errors.cut_off()
        if isinstance(event, Failed):
            return EmpireError(event.what, why=event.why, fix=event.fix)
    _wait_until_landed(deployment)
    return None


def _wait_until_landed(deployment: Deployment) -> None:
    """Give the worker a moment to set the ref, so that a fetch right after the push sees it.

    The quarantine goes when the commit has landed, or when a newer one took its place.
    """
    deadline = time.monotonic() + LANDING_SECONDS
    while Path(deployment.git_dir).exists() and time.monotonic() < deadline:
        time.sleep(0.002)
