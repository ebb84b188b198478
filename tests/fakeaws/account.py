"""The one account and region of the simulator, and moto's stores in it."""

from datetime import UTC, datetime
from typing import Any

from moto.ec2.models import ec2_backends
from moto.ecr.models import ecr_backends
from moto.ecs.models import ecs_backends
from moto.elbv2.models import elbv2_backends
from moto.events.models import events_backends
from moto.logs.models import logs_backends
from moto.secretsmanager.models import secretsmanager_backends

ID = "123456789012"
REGION = "us-east-1"


def arn(service: str, resource: str) -> str:
    """Return the name of a resource of this account."""
    return f"arn:aws:{service}:{REGION}:{ID}:{resource}"


def moment(seconds: float) -> str:
    """Return seconds since the epoch as events spell a time."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def ec2() -> Any:
    """Return moto's networks."""
    return ec2_backends[ID][REGION]


def ecr() -> Any:
    """Return moto's image repositories."""
    return ecr_backends[ID][REGION]


def ecs() -> Any:
    """Return moto's clusters; services and tasks are the simulator's own."""
    return ecs_backends[ID][REGION]


def elb() -> Any:
    """Return moto's load balancers, listeners, rules and target groups."""
    return elbv2_backends[ID][REGION]


def events() -> Any:
    """Return moto's event buses and rules."""
    return events_backends[ID][REGION]


def logs() -> Any:
    """Return moto's log groups."""
    return logs_backends[ID][REGION]


def secrets() -> Any:
    """Return moto's secrets."""
    return secretsmanager_backends[ID][REGION]
