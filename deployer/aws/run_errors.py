"""What people are told of one-offs, and of commands inside dynos."""

from empire.errors import Cancelled, Conflict, NotFound, ReleaseFailed, Unavailable


def not_enterable(dyno: str, reason: str) -> Conflict:
    """Return the error for a dyno that runs no commands now."""
    return Conflict(
        f"{dyno} takes no commands now.",
        why=reason,
        fix="`empire ps` shows what runs; a dyno that was just started takes them some seconds "
        "later. An app with a role of its own needs ssmmessages in it: docs/aws.md has the policy.",
    )


def no_shell_inside(said: str) -> Unavailable:
    """Return the error for a session in which no shell came up."""
    return Unavailable(
        "The command could not be started: no shell answered inside the task.",
        why=said or "It said nothing.",
        fix="The image needs /bin/sh, stty, dd and base64 (coreutils or busybox).",
    )


def gone(name: str) -> NotFound:
    """Return the error for a one-off that is not there, or not any more."""
    return NotFound(f"There is no {name} (any more).", fix="`empire ps` lists what there is.")


def cannot_run(name: str, reason: str) -> ReleaseFailed:
    """Return the error for a one-off whose task could not be started."""
    return ReleaseFailed(
        f"{name} cannot be started.",
        why=reason,
        fix="A command runs in the image's /bin/sh, in a task on the cluster.",
    )


def left(name: str) -> Cancelled:
    """Return the error for who follows a one-off no more."""
    return Cancelled(f"{name} is not followed any more.", why="It runs on.")


def session_broken(name: str, reason: str) -> Unavailable:
    """Return the error for a session that broke before its command ran."""
    return Unavailable(f"The connection to {name} broke.", why=reason, fix="Run it again.")
