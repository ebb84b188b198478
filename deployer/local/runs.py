"""From a one-off to what the engine shall create, and back. Pure translation, no calls."""

import time
from typing import Any

from deployer import launcher
from deployer.local.places import confined
from deployer.local.rows import Row, seconds
from empire.manifest import Dyno, OneOff, Run
from empire.names import AppName, ProcessType

UNLOGGED = {"Type": "none", "Config": {}}
"""What goes to the person who holds the other end is nobody else's, and no file is faster."""
STATES = {"created": "starting", "running": "up"}


def creation(one_off: OneOff, instance: str, *, cores: int, grace_seconds: int) -> dict[str, Any]:
    """Return the body of the engine's create call."""
    host = confined(one_off.size, cores)
    if one_off.is_attached:
        host["LogConfig"] = UNLOGGED
    return {
        "Image": one_off.image,
        "Labels": labels(one_off, instance),
        "Env": [f"{name}={value}" for name, value in environment(one_off).items()],
        "Entrypoint": _launched(one_off),
        "Cmd": [],
        "Tty": one_off.has_terminal,
        "OpenStdin": one_off.is_attached,
        "StdinOnce": one_off.is_attached,
        "AttachStdin": one_off.is_attached,
        "AttachStdout": one_off.is_attached,
        "AttachStderr": one_off.is_attached,
        "StopTimeout": grace_seconds,
        "HostConfig": host,
    }


def container_name(instance: str, app: str, name: str) -> str:
    """Return the container's name: the same whenever the same one-off is asked for."""
    return f"empire-{instance}-{app}-{name}"


def labels(one_off: OneOff, instance: str) -> dict[str, str]:
    """Return what a container says of itself. It has no index: only dynos of the formation do."""
    return {
        "empire.instance": instance,
        "empire.app": one_off.app,
        "empire.one_off": one_off.name,
        "empire.version": str(one_off.version),
        "empire.size": one_off.size.name,
        "empire.command": one_off.command,
        "empire.attached": "1" if one_off.is_attached else "",
        # Whose output goes to the app's log has this one, too.
        **({} if one_off.is_attached else {"empire.process": one_off.type}),
        "empire.seconds": str(one_off.seconds),
    }


def labels_of(instance: str, app: str | None = None, name: str = "") -> list[str]:
    """Return the filter for the one-offs of one server, of one of its apps, or for one."""
    of_app = [f"empire.app={app}"] if app else []
    named = f"empire.one_off={name}" if name else "empire.one_off"
    return [f"empire.instance={instance}", named, *of_app]


def environment(one_off: OneOff) -> dict[str, str]:
    """Return the one-off's environment. Here its secrets are revealed to run."""
    return {
        **{name: secret.reveal() for name, secret in one_off.env.items()},
        **launcher.environment(one_off.command),
        "EMPIRE_APP": one_off.app_name or one_off.app,
        "EMPIRE_RELEASE": f"v{one_off.version}",
        "EMPIRE_PROCESS": one_off.type,
        "EMPIRE_DYNO": one_off.name,
    }


def _launched(one_off: OneOff) -> list[str] | None:
    if one_off.has_terminal:
        return launcher.launch_in_terminal(one_off.command)
    if one_off.is_attached:
        return launcher.launch(one_off.command)
    return launcher.launch_in_order(one_off.command)


def run_of(row: Row, details: Row) -> Run:
    """Return the one-off of a container that was listed and inspected."""
    tags, state = row["Labels"], details["State"]
    type_, _, index = tags["empire.one_off"].partition(".")
    has_ended = state["Status"] in ("exited", "dead")
    started_at = seconds(state["StartedAt"]) or float(row["Created"])
    dyno = Dyno(
        app=AppName(tags["empire.app"]),
        process=ProcessType(type_),
        index=int(index),
        version=int(tags["empire.version"]),
        deployment=0,
        state=STATES.get(state["Status"], "down"),
        command=tags["empire.command"],
        size=tags["empire.size"],
        started_at=started_at,
        id=row["Id"],
        exit_code=state["ExitCode"] if has_ended else None,
        is_out_of_memory=has_ended and state["OOMKilled"],
    )
    return Run(
        dyno=dyno,
        is_attached=bool(tags["empire.attached"]),
        must_end_at=started_at + float(tags["empire.seconds"]),
        ended_at=(seconds(state["FinishedAt"]) or time.time()) if has_ended else 0,
    )
