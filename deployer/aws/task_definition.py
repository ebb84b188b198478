"""From a manifest to what ECS shall register. Pure translation, no calls, no secret."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from deployer import launcher
from deployer.aws import naming, sizes
from empire.manifest import Manifest, Placement, Process, Size
from empire.settings import Settings

DEFAULT_PORT = 8080
"""Many sample apps that ignore PORT listen here."""
LOG_BUFFER = "25m"
LEAST_STOP_SECONDS, MOST_STOP_SECONDS = 2, 120
RELEASE = "EMPIRE_RELEASE"
VARYING = frozenset([RELEASE])
"""What alone makes no other definition: a rollback runs what the old release registered."""

Request = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Container:
    """What one task runs, of a process or once. Secrets are references, never values.

    No `arguments` means the image's own; `port` 0 takes no requests.
    """

    app: str
    process: str
    image: str
    size: Size
    environment: Mapping[str, str]
    references: Mapping[str, str]
    placement: Placement
    arguments: Sequence[str] = ()
    port: int = 0


def of_process(
    manifest: Manifest, process: Process, settings: Settings, references: Mapping[str, str]
) -> Request:
    """Return the request that registers what a process type runs."""
    return registration(
        Container(
            app=manifest.app,
            process=process.type,
            image=manifest.image,
            size=process.size,
            environment=environment(manifest, process),
            references=references,
            placement=manifest.placement,
            arguments=launcher.launch(process.command) or (),
            port=port_of(manifest) if process.is_routed else 0,
        ),
        settings,
    )


def registration(container: Container, settings: Settings) -> Request:
    """Return the request that registers a task of one container."""
    placement = container.placement
    is_ours = capacity(placement, settings) == "EC2"
    units, memory_mib = (sizes.instance if is_ours else sizes.fargate)(container.size)
    request = {
        "family": naming.family(container.app, container.process),
        "networkMode": "awsvpc",
        "requiresCompatibilities": ["EC2" if is_ours else "FARGATE"],
        "cpu": str(units),
        "memory": str(memory_mib),
        "runtimePlatform": {
            "cpuArchitecture": placement.architecture or settings.aws_architecture,
            "operatingSystemFamily": "LINUX",
        },
        "executionRoleArn": settings.aws_execution_role,
        "taskRoleArn": placement.task_role or settings.aws_task_role,
        "containerDefinitions": [_container(container, settings)],
        "tags": naming.spelled(
            naming.tags(app=container.app, process=container.process, instance=settings.instance)
        ),
    }
    return {name: value for name, value in request.items() if value}


def fingerprint(request: Request) -> str:
    """Return what tells two definitions apart that run something different."""
    [container] = request["containerDefinitions"]
    told = [pair for pair in container["environment"] if pair["name"] not in VARYING]
    content = {**request, "containerDefinitions": [{**container, "environment": told}]}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def environment(manifest: Manifest, process: Process) -> dict[str, str]:
    """Return the part of the environment that is no secret.

    All tasks of a process share a definition, so a dyno is told its process type and no number.
    """
    return {
        **launcher.environment(process.command),
        "PORT": str(port_of(manifest)),
        "EMPIRE_APP": manifest.name or manifest.app,
        RELEASE: f"v{manifest.version}",
        "EMPIRE_PROCESS": process.type,
        "EMPIRE_DYNO": process.type,
    }


def port_of(manifest: Manifest) -> int:
    """Return where dynos listen: what the app's own PORT says, else the default."""
    own = manifest.env.get("PORT")
    text = own.reveal() if own else ""
    return int(text) if text.isdecimal() and 0 < int(text) < 65536 else DEFAULT_PORT


def capacity(placement: Placement, settings: Settings) -> str:
    """Return what runs the tasks: FARGATE, FARGATE_SPOT or EC2."""
    return placement.capacity or settings.aws_capacity


def _container(container: Container, settings: Settings) -> Request:
    # A name that both lists hold is refused by ECS; what Empire says of itself wins, as elsewhere.
    secret = {
        name: reference
        for name, reference in sorted(container.references.items())
        if name not in container.environment
    }
    definition: Request = {
        "name": container.process,
        "image": container.image,
        "essential": True,
        "environment": naming.spelled(dict(sorted(container.environment.items())), "name"),
        "secrets": naming.spelled(secret, "name", "valueFrom"),
        "stopTimeout": min(max(settings.stop_grace_seconds, LEAST_STOP_SECONDS), MOST_STOP_SECONDS),
        # The image is named by its digest: there is no tag to look up at each start.
        "versionConsistency": "disabled",
        "linuxParameters": {
            # The init reaps orphans and hands SIGTERM on, which a process with id 1 would ignore.
            "initProcessEnabled": True,
            "capabilities": {"drop": ["MKNOD", "NET_RAW"]},
        },
        "logConfiguration": _logging(container.app, settings),
    }
    if container.arguments:
        definition["entryPoint"] = list(container.arguments[:1])
        definition["command"] = list(container.arguments[1:])
    if container.port:
        definition["portMappings"] = [{"containerPort": container.port, "protocol": "tcp"}]
    return definition


def _logging(app: str, settings: Settings) -> Request:
    return {
        "logDriver": "awslogs",
        "options": {
            "awslogs-group": settings.aws_log_group,
            "awslogs-region": settings.aws_region,
            "awslogs-stream-prefix": app,
            # An app must not stand still because its log cannot be written.
            "mode": "non-blocking",
            "max-buffer-size": LOG_BUFFER,
        },
    }
