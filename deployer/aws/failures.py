"""Why tasks do not come up, in words for people."""

from collections.abc import Mapping, Sequence

from deployer import last_words
from deployer.aws import streams
from deployer.aws.account import Account
from deployer.aws.tasks import Task
from empire.errors import Cancelled, StartFailed, TimedOut
from empire.manifest import Size
from empire.secrets import Secret

LOST_CONFIG = "unable to pull secrets"
"""Stands in the reason of a task that did not get the values of its config vars."""
PASSING = (
    "Capacity is unavailable",
    "network interface provisioning",
    "RESOURCE:",
    "i/o timeout",
    "request limit exceeded",
    "Rate exceeded",
    "TooManyRequests",
)
"""What stands in reasons that may be gone at the next try: ECS tries again by itself."""


def is_final(task: Task) -> bool:
    """Tell whether a task that stopped shows that others like it will not come up either."""
    if task.stop_code == "EssentialContainerExited":
        return True
    if is_unhealthy(task):
        return True
    is_passing = any(text.lower() in task.reason.lower() for text in PASSING)
    return task.stop_code == "TaskFailedToStart" and not is_passing


def is_unhealthy(task: Task) -> bool:
    """Tell whether a task was stopped because its probes failed."""
    return "health checks" in task.reason and task.stop_code == "ServiceSchedulerInitiated"


def told(task: Task, dyno: str, lines: Sequence[str], size: Size) -> StartFailed:
    """Return the error for a task that stopped."""
    if task.exit_code is None:
        return _never_ran(task, dyno)
    if task.is_out_of_memory:
        return StartFailed(
            f"{dyno} was killed because it used more memory than size {size.name} has.",
            why=last_words.told(lines),
            fix="Let it use less memory or give its process type a larger size.",
        )
    return StartFailed(
        f"{dyno} exited with code {task.exit_code} while it started.",
        why=last_words.told(lines),
        fix=last_words.advice(task.exit_code),
    )


def unhealthy(
    dyno: str, probes: str, lines: Sequence[str], seconds: float | None = None
) -> StartFailed:
    """Return the error for a task that runs but that the load balancer never found healthy."""
    within = f" within {seconds:g} seconds" if seconds else ""
    return StartFailed(
        f"{dyno} did not become healthy{within}.",
        why="\n".join(part for part in (probes, last_words.told(lines)) if part),
        fix="Let it listen on 0.0.0.0 at the port that the PORT variable names.",
    )


def never_placed(app: str, seconds: float, trouble: str) -> TimedOut:
    """Return the error for tasks that did not even begin to run."""
    return TimedOut(
        f"The tasks of {app} did not run within {seconds:g} seconds.",
        why=trouble or "ECS does not say why; it may be short of capacity.",
        fix="Try again later, or another capacity.",
    )


def gave_up(app: str, reason: str) -> StartFailed:
    """Return the error for a deployment that ECS itself ended."""
    return StartFailed(f"ECS gave up starting {app}.", why=reason)


def cancelled(app: str) -> Cancelled:
    """Return the error for a start that somebody stopped."""
    return Cancelled(
        f"The start of {app} was cancelled.", why="What it had started is stopped again."
    )


def passed(app: str) -> Cancelled:
    """Return the error for a start that came too late."""
    return Cancelled(f"The start of {app} was cancelled.", why="A newer deployment has begun.")


def written(account: Account, task: Task, env: Mapping[str, Secret]) -> list[str]:
    """Return the last lines of a task's log, without the values of config vars."""
    stream = streams.Stream(account, streams.Place(task.app, task.process, task.id))
    return last_words.cleaned("\n".join(stream.last(last_words.LINES)), env)


def _never_ran(task: Task, dyno: str) -> StartFailed:
    reason = task.reason or "ECS does not say why."
    if "CannotPullContainer" in reason:
        return StartFailed(
            f"The image of {dyno} could not be pulled.",
            why=reason,
            fix="Push again: the image may have been deleted. If not, look at the execution role "
            "and at the tasks' way to ECR.",
        )
    if LOST_CONFIG in reason:
        return StartFailed(
            f"{dyno} could not get its config vars.",
            why=reason,
            fix="Try again: they are stored anew then. If that does not help, look at the "
            "execution role and at the tasks' way to Secrets Manager.",
        )
    if "ResourceInitializationError" in reason:
        return StartFailed(
            f"{dyno} could not be prepared.",
            why=reason,
            fix="Look at the execution role, and at the tasks' way to AWS.",
        )
    return StartFailed(f"{dyno} could not start.", why=reason)
