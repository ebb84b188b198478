"""From a one-off to what ECS shall register and run. Pure translation, no calls, no secret."""

from collections.abc import Mapping
from typing import Any

from deployer import launcher
from deployer.aws import naming, task_definition
from deployer.aws.run_record import Record
from deployer.aws.task_definition import Container
from empire.manifest import OneOff
from empire.secrets import Secret
from empire.settings import Settings

ONCE = """\
exec 2>&1
trap : TERM INT
end=$EMPIRE_END
unset EMPIRE_END
"$0" -c "$1"
status=$?
echo "$end $status]"
exit $status
"""
"""Runs the command, both its outputs in order, and tells its end where its output is read."""
SLEEP = """\
trap "exit 0" TERM
sleep "$1" &
wait
"""
"""Keeps a task up into which a command goes by ECS Exec."""
GROUP = {"TINI_KILL_PROCESS_GROUP": "1"}
"""Lets ECS's init hand SIGTERM on to the command, not to the shell around it alone."""

LONGEST_OVERRIDE = 6000
"""Characters; RunTask takes 8,192 in all that it overrides. A longer command is registered."""

Request = dict[str, Any]


def of(one_off: OneOff, settings: Settings, references: Mapping[str, str]) -> tuple[Request, str]:
    """Return the request that registers what the one-off runs, and what tells it from others."""
    request = task_definition.registration(
        Container(
            app=one_off.app,
            process=one_off.type,
            image=one_off.image,
            size=one_off.size,
            environment=GROUP,
            references=references,
            placement=one_off.placement,
            arguments=(launcher.SHELL, *_registered(one_off)),
        ),
        settings,
    )
    return request, task_definition.fingerprint(request)


def told(one_off: OneOff) -> dict[str, Secret]:
    """Return what a one-off is told of itself."""
    return {
        "EMPIRE_APP": Secret(one_off.app_name or one_off.app),
        "EMPIRE_RELEASE": Secret(f"v{one_off.version}"),
        "EMPIRE_PROCESS": Secret(one_off.type),
        "EMPIRE_DYNO": Secret(one_off.name),
    }


def launch(record: Record, settings: Settings) -> Request:
    """Return the request that runs the task: the same, with the same token, at every try."""
    environment = {
        "EMPIRE_APP": record.app_name,
        "EMPIRE_RELEASE": f"v{record.version}",
        "EMPIRE_PROCESS": record.process,
        "EMPIRE_DYNO": record.name,
        "EMPIRE_END": record.mark,
    }
    tagged = naming.tags(
        app=record.app,
        process=record.process,
        instance=settings.instance,
        **{"one-off": record.name},
    )
    return {
        "cluster": settings.aws_cluster,
        "taskDefinition": record.definition,
        "clientToken": record.token,
        "startedBy": started_by(record),
        "enableExecuteCommand": record.is_attached,
        "launchType": _capacity(record, settings),
        "networkConfiguration": {
            "awsvpcConfiguration": {
                "subnets": settings.aws_private_subnets.split(","),
                "securityGroups": [settings.aws_task_security_group],
                "assignPublicIp": "DISABLED",
            }
        },
        "overrides": {
            "containerOverrides": [
                {
                    "name": record.process,
                    "environment": naming.spelled(environment, "name"),
                    **_overridden(record),
                }
            ]
        },
        "tags": naming.spelled(tagged),
    }


def _registered(one_off: OneOff) -> list[str]:
    """Return what the shell is told by the definition."""
    if one_off.is_attached:
        return ["-c", SLEEP, launcher.SHELL]
    long = [one_off.command] if len(one_off.command) > LONGEST_OVERRIDE else []
    return ["-c", ONCE, launcher.SHELL, *long]


def _overridden(record: Record) -> Request:
    """Return what the shell is told instead: most commands share a definition."""
    if record.is_attached:
        return {"command": ["-c", SLEEP, launcher.SHELL, str(int(record.seconds))]}
    if len(record.command) > LONGEST_OVERRIDE:
        return {}
    return {"command": ["-c", ONCE, launcher.SHELL, record.command]}


def started_by(record: Record) -> str:
    """Return what a task says of who started it."""
    return f"run/{record.token}"


def _capacity(record: Record, settings: Settings) -> str:
    """Return what runs the task: never something that may be taken away half way."""
    capacity = record.capacity or settings.aws_capacity
    return "FARGATE" if capacity == "FARGATE_SPOT" else capacity
