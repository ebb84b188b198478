"""What ECS is asked of services. Pure: requests as AWS spells them, no calls."""

from typing import Any

from deployer.aws import naming
from deployer.aws.lives import Life, Record
from empire.settings import Settings

Request = dict[str, Any]

EC2_PROVIDER = "empire-ec2"
"""The capacity provider of the instances that bootstrap makes."""
GRACE_MORE_SECONDS = 60
FAILURES = 3
"""So many tasks that do not come up break the circuit."""


def creation(record: Record, life: Life, settings: Settings) -> Request:
    """Return the request that makes the service with its tasks."""
    request: Request = {
        "cluster": settings.aws_cluster,
        "serviceName": naming.service_name(record.app, record.process),
        "taskDefinition": life.definition,
        "desiredCount": life.count,
        "capacityProviderStrategy": strategy(life.capacity, is_routed=bool(life.port)),
        "networkConfiguration": _network(settings),
        "deploymentConfiguration": DEPLOYMENT,
        "enableExecuteCommand": True,
        "enableECSManagedTags": True,
        "propagateTags": "SERVICE",
        "tags": naming.spelled(
            naming.tags(app=record.app, process=record.process, instance=settings.instance)
        ),
    }
    return request | _doors(record, life, settings)


def update(record: Record, life: Life, settings: Settings, *, is_forced: bool) -> Request:
    """Return the request that brings the service to another life."""
    before = record.before
    request: Request = {
        "cluster": settings.aws_cluster,
        "service": naming.service_name(record.app, record.process),
        "taskDefinition": life.definition,
        "desiredCount": life.count,
    }
    if before and before.capacity != life.capacity:
        request["capacityProviderStrategy"] = strategy(life.capacity, is_routed=bool(life.port))
        is_forced = True
    if before and (before.target_group, before.port) != (life.target_group, life.port):
        request |= _doors(record, life, settings)
    return request | ({"forceNewDeployment": True} if is_forced else {})


def scaling(record: Record, count: int, settings: Settings) -> Request:
    """Return the request that changes nothing but the number of tasks."""
    return {
        "cluster": settings.aws_cluster,
        "service": naming.service_name(record.app, record.process),
        "desiredCount": count,
    }


def strategy(capacity: str, *, is_routed: bool) -> list[Request]:
    """Return where tasks run. Of those that take requests one never runs on spot capacity."""
    if capacity == "FARGATE_SPOT" and is_routed:
        return [
            {"capacityProvider": "FARGATE", "base": 1, "weight": 0},
            {"capacityProvider": "FARGATE_SPOT", "weight": 1},
        ]
    return [{"capacityProvider": EC2_PROVIDER if capacity == "EC2" else capacity, "weight": 1}]


DEPLOYMENT: Request = {
    # New tasks beside the old ones: none that is healthy stops before its successor serves.
    "minimumHealthyPercent": 100,
    "maximumPercent": 200,
    "deploymentCircuitBreaker": {
        "enable": True,
        "rollback": True,
        "thresholdConfiguration": {"type": "COUNT", "value": FAILURES},
    },
    # Done when the new tasks serve; the old ones drain behind the curtain.
    "earlySuccessCriteria": {
        "enable": True,
        "healthyPercent": 100,
        "sourceServiceRevisionCleanup": "DEFERRED",
    },
}


def _network(settings: Settings) -> Request:
    return {
        "awsvpcConfiguration": {
            "subnets": _listed(settings.aws_private_subnets),
            "securityGroups": _listed(settings.aws_task_security_group),
            "assignPublicIp": "DISABLED",
        }
    }


def _doors(record: Record, life: Life, settings: Settings) -> Request:
    if not life.port:
        return {}
    door = {
        "targetGroupArn": life.target_group,
        "containerName": record.process,
        "containerPort": life.port,
    }
    start_seconds = max(settings.start_seconds, life.start_seconds)
    return {
        "loadBalancers": [door],
        # Until then ECS leaves a task alone that does not answer. Whoever follows the deployment
        # ends it sooner, and knows better why.
        "healthCheckGracePeriodSeconds": round(start_seconds) + GRACE_MORE_SECONDS,
    }


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]
