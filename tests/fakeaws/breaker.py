"""The deployment circuit breaker: counts failed tasks, ends a hopeless deployment, rolls it back."""

import time

from tests.fakeaws.cloud import Cloud
from tests.fakeaws.rollout import IsWell
from tests.fakeaws.services import Deployment, Service
from tests.fakeaws.tasks import Task

FREE_FAILURES = 1
FIRST_WAIT_SECONDS = 5
LONGEST_WAIT_SECONDS = 900
"""Waits between starts after failures, on AWS's clock."""


def count_failures(cloud: Cloud, service: Service, is_well: IsWell) -> None:
    """Count the tasks that failed since the last look; a task that got well starts the count anew."""
    for deployment in service.deployments:
        for task in deployment.tasks:
            if is_well(task) and not task.has_been_well:
                task.has_been_well = True
                if _breaker(service).get("resetOnHealthyTask", True):
                    deployment.failed_tasks = 0
            elif _has_failed(task) and not task.is_counted:
                task.is_counted = True
                _count(cloud, service, deployment)


def trip(cloud: Cloud, service: Service) -> None:
    """Fail the primary deployment if too many of its tasks have failed."""
    primary, breaker = service.primary, _breaker(service)
    if not breaker["enable"] or primary.failed_tasks < service.failures_allowed():
        return
    reason = "ECS deployment circuit breaker: tasks failed to start."
    service.say(f"(deployment {primary.id}) deployment failed: tasks failed to start.")
    primary.settle("FAILED", reason)
    cloud.events.deployment(service.arn, primary.id, "FAILED", reason)
    if breaker["rollback"] and service.last_good and not primary.rolls_back:
        roll_back(cloud, service)
    else:
        primary.is_stalled = True


def roll_back(cloud: Cloud, service: Service) -> None:
    """Let the last deployment that completed be the primary one again."""
    failed = service.primary
    target = _again(service)
    failed.status = "ACTIVE"
    failed.rolled_back_to = target
    failed.reason = f"ECS deployment circuit breaker: rolling back to deploymentId {target.id}."
    service.say(f"rolling back to deployment {target.id}.")
    cloud.events.deployment(service.arn, target.id, "IN_PROGRESS", target.reason)


def _again(service: Service) -> Deployment:
    """Return the last good deployment: the one that still runs, or a new one like it."""
    assert service.last_good
    definition, settings = service.last_good
    service.fields.update(settings)
    failed = service.primary
    for older in service.deployments[1:]:
        if older.rollout_state == "COMPLETED" and older.definition is definition and older.alive:
            service.deployments.remove(older)
            service.deployments.insert(0, older)
            older.status, older.rollout_state = "PRIMARY", "IN_PROGRESS"
            older.rolls_back = failed.id
            older.reason = f"ECS deployment {older.id} in progress."
            return older
    return service.deploy(definition, rolls_back=failed.id)


def _breaker(service: Service) -> dict[str, bool]:
    found: dict[str, bool] = service.configuration["deploymentCircuitBreaker"]
    return found


def _has_failed(task: Task) -> bool:
    """Tell whether a task ended by itself, could not start, or was stopped for its health."""
    if not task.is_over and not (task.stop_code and "health checks" in task.stopped_reason):
        return False
    if task.stop_code == "ServiceSchedulerInitiated":
        return "health checks" in task.stopped_reason
    return task.stop_code in ("TaskFailedToStart", "EssentialContainerExited")


def _count(cloud: Cloud, service: Service, deployment: Deployment) -> None:
    """Add a failure, and let the next start wait: longer with each one."""
    deployment.failed_tasks += 1
    deployment.updated_at = time.time()
    extra = deployment.failed_tasks - FREE_FAILURES - 1
    if extra >= 0:
        wait = min(LONGEST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2**extra)
        deployment.retry_at = time.time() + wait / cloud.pace
    if deployment.failed_tasks == service.failures_allowed() and not deployment.is_open:
        service.say("is unable to consistently start tasks successfully.")
