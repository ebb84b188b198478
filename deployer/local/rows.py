"""From the engine's containers to dynos. Pure translation, no calls."""

import re
import time
from dataclasses import replace
from datetime import datetime
from typing import Any

from deployer.local.engine import KEPT_UP
from deployer.local.places import LOOPBACK
from empire.manifest import Dyno, Target
from empire.names import AppName, ProcessType

Row = dict[str, Any]
"""A container as the engine lists or inspects it."""

STATES = {"created": "starting", "running": "up", "restarting": "crashed"}
UNIT_SECONDS = {
    "second": 1,
    "minute": 60,
    "hour": 3600,
    "day": 86400,
    "week": 7 * 86400,
    "month": 30 * 86400,
    "year": 365 * 86400,
}
UP_FOR = re.compile(rf"Up (?:(\d+)|About an?|Less than a) ({'|'.join(UNIT_SECONDS)})")


def dyno_of(row: Row) -> Dyno:
    """Return the dyno of a listed container."""
    tags = row["Labels"]
    return Dyno(
        app=AppName(tags["empire.app"]),
        process=ProcessType(tags["empire.process"]),
        index=int(tags["empire.index"]),
        version=int(tags["empire.version"]),
        deployment=int(tags["empire.deployment"]),
        state=STATES.get(row["State"], "down"),
        command=tags["empire.command"] or row["Command"],
        size=tags["empire.size"],
        started_at=float(row["Created"]),
        id=row["Id"],
        target=target(row) if row["State"] == "running" else None,
    )


def deployment_of(row: Row) -> int:
    """Return the number of the deployment that a listed container belongs to."""
    return int(row["Labels"]["empire.deployment"])


def name_of(row: Row) -> str:
    """Return the name of a listed container's dyno, such as web.1."""
    return dyno_name(row["Labels"])


def dyno_name(tags: dict[str, str]) -> str:
    """Return the name of a dyno or one-off by its labels."""
    return tags.get("empire.one_off") or f"{tags['empire.process']}.{tags['empire.index']}"


def needs_a_closer_look(row: Row, young_seconds: float) -> bool:
    """Tell whether the list leaves something open: a dyno is young, does not run, or came again."""
    match = UP_FOR.match(row["Status"])
    age_seconds = time.time() - float(row["Created"])
    if not match or age_seconds < young_seconds:
        return True
    up_at_most = (int(match[1] or 1) + 1) * UNIT_SECONDS[match[2]]
    return age_seconds > 2 * up_at_most + 60


def refined(seen: Dyno, details: Row) -> Dyno:
    """Return the dyno with what only an inspection tells."""
    state, status = details["State"], details["State"]["Status"]
    return replace(
        seen,
        state=_state(status, is_kept=is_kept(details)),
        started_at=seconds(state["StartedAt"]) or seen.started_at,
        restarts=details["RestartCount"],
        exit_code=None if status in ("created", "running") else state["ExitCode"],
        is_out_of_memory=status not in ("created", "running") and state["OOMKilled"],
        target=target(details) if status == "running" else None,
    )


def is_kept(details: Row) -> bool:
    """Tell whether the engine starts an inspected container again when it ends."""
    return bool(details["HostConfig"]["RestartPolicy"]["Name"] == KEPT_UP)


def target(row: Row) -> Target | None:
    """Return where a container takes requests; None for one that takes none or has no address."""
    tags = row["Labels"] if "Labels" in row else row["Config"]["Labels"]
    port = tags["empire.port"]
    if not port:
        return None
    if published := _published_port(row, port):
        return Target(LOOPBACK, published)
    networks = row["NetworkSettings"]["Networks"].values()
    address = next((network["IPAddress"] for network in networks if network["IPAddress"]), "")
    return Target(address, int(port)) if address else None


def _state(status: str, *, is_kept: bool) -> str:
    if status == "running" and not is_kept:
        return "starting"
    if status == "exited" and not is_kept:
        return "crashed"
    return STATES.get(status, "down")


def _published_port(row: Row, port: str) -> int | None:
    """Return the port on loopback: a list has it in Ports, an inspection in NetworkSettings."""
    for listed in row.get("Ports") or ():
        if str(listed["PrivatePort"]) == port and listed.get("PublicPort"):
            return int(listed["PublicPort"])
    bindings = (row["NetworkSettings"].get("Ports") or {}).get(f"{port}/tcp") or ()
    return next((int(binding["HostPort"]) for binding in bindings), None)


def seconds(timestamp: str) -> float:
    """Return seconds since the epoch, 0 for the engine's "never" (the year 1)."""
    return max(0.0, datetime.fromisoformat(timestamp).timestamp())
