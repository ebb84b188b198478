"""The ECS service scheduler: ten times a second it looks at every service and makes its moves."""

import threading
import time

import structlog

from tests.fakeaws import account, lifecycle
from tests.fakeaws.breaker import count_failures, trip
from tests.fakeaws.cloud import Cloud
from tests.fakeaws.rollout import is_complete, next_moves
from tests.fakeaws.services import Service
from tests.fakeaws.tasks import Task

log = structlog.get_logger()
TICK_SECONDS = 0.1
STEADY_SECONDS = 10
"""How long a task without any check must run to count as well, on AWS's clock."""

FAILED_SECONDS = 10
"""How long a failed deployment is shown beside the one that replaced it, on AWS's clock."""

GONE_SECONDS = 3600
"""How long AWS shows what has stopped."""


class Scheduler:
    """Runs the services of a cloud in a thread of its own."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._closing = threading.Event()
        threading.Thread(target=self._run, name="scheduler", daemon=True).start()
        threading.Thread(target=self._listen, name="health", daemon=True).start()

    def close(self) -> None:
        """Make no more moves."""
        self._closing.set()

    def _run(self) -> None:
        while not self._closing.wait(TICK_SECONDS):
            with self._cloud.lock:
                for service in list(self._cloud.services.values()):
                    self._step(service)
                self._forget()

    def _step(self, service: Service) -> None:
        try:
            step(self._cloud, service)
        except Exception:
            log.exception("service broken", service=service.name)

    def _forget(self) -> None:
        long_ago = time.time() - GONE_SECONDS
        for arn, task in list(self._cloud.tasks.items()):
            if task.is_over and task.stopped_at < long_ago:
                del self._cloud.tasks[arn]

    def _listen(self) -> None:
        try:
            for task_id, health in self._cloud.engine.health_changes():
                self._note_health(task_id, health)
        except Exception:
            if not self._closing.is_set():
                log.exception("the engine's events ended")

    def _note_health(self, task_id: str, health: str) -> None:
        for task in list(self._cloud.tasks.values()):
            if task.id == task_id:
                lifecycle.change(self._cloud, task, health=health)


def step(cloud: Cloud, service: Service) -> None:
    """Make the moves that a service needs now."""
    if service.status != "ACTIVE":
        _bury(cloud, service)
        return
    _replace_sick(cloud, service)
    count_failures(cloud, service, lambda task: is_well(cloud, task))
    if service.primary.is_open and not _conclude(cloud, service):
        trip(cloud, service)
    _move(cloud, service)
    _tidy(cloud, service)


def is_well(cloud: Cloud, task: Task) -> bool:
    """Tell whether a task runs and passes its checks."""
    if not task.is_running:
        return False
    if task.definition.container.get("healthCheck") and task.health != "HEALTHY":
        return False
    if task.launch.load_balancers:
        return cloud.targets.all_healthy(task)
    has_check = "healthCheck" in task.definition.container
    return has_check or time.time() - task.started_at >= STEADY_SECONDS / cloud.pace


def _move(cloud: Cloud, service: Service) -> None:
    moves = next_moves(service, lambda task: is_well(cloud, task))
    primary = service.primary
    if moves.starts and not primary.is_stalled and time.time() >= primary.retry_at:
        _start(cloud, service, moves.starts)
    for task in moves.stops:
        reason = f"Scaling activity initiated by (deployment {primary.id})"
        lifecycle.stop(cloud, task, "ServiceSchedulerInitiated", reason, drains=True)
    if moves.stops:
        ids = " ".join(f"(task {task.id})" for task in moves.stops)
        service.say(f"has stopped {len(moves.stops)} running tasks: {ids}.")


def _start(cloud: Cloud, service: Service, count: int) -> None:
    started = [lifecycle.start(cloud, service.launch(service.primary)) for _ in range(count)]
    service.primary.tasks += started
    service.is_steady = False
    ids = " ".join(f"(task {task.id})" for task in started)
    service.say(f"has started {count} tasks: {ids}.")


def _replace_sick(cloud: Cloud, service: Service) -> None:
    """Stop the tasks that fail their checks after the grace period."""
    grace = int(service.fields.get("healthCheckGracePeriodSeconds", 0)) / cloud.pace
    for deployment in service.deployments:
        for task in deployment.alive:
            if not task.is_running or time.time() - task.started_at < grace:
                continue
            if task.health == "UNHEALTHY":
                _stop_sick(cloud, task, "Task failed container health checks")
            elif found := cloud.targets.failing(task):
                group, why, port = found
                service.say(f"(port {port}) is unhealthy in (target-group {group}) due to {why}")
                _stop_sick(cloud, task, f"Task failed ELB health checks in (target-group {group})")


def _stop_sick(cloud: Cloud, task: Task, reason: str) -> None:
    lifecycle.stop(cloud, task, "ServiceSchedulerInitiated", reason, drains=True)


def _conclude(cloud: Cloud, service: Service) -> bool:
    """Complete the primary deployment if it has reached its aim."""
    primary = service.primary
    if not is_complete(service, lambda task: is_well(cloud, task)):
        return False
    primary.settle("COMPLETED", f"ECS deployment {primary.id} completed.")
    primary.failed_tasks, primary.rolls_back = 0, ""
    service.last_good = (primary.definition, primary.settings)
    service.say(f"(deployment {primary.id}) deployment completed.")
    cloud.events.deployment(service.arn, primary.id, "COMPLETED", primary.reason)
    return True


def _tidy(cloud: Cloud, service: Service) -> None:
    """Drop the deployments that have nothing left, and say when all is steady."""
    for deployment in service.deployments[1:]:
        is_news = time.time() - deployment.finished_at < FAILED_SECONDS / cloud.pace
        if deployment.rollout_state == "FAILED" and is_news:
            continue
        if all(task.is_over for task in deployment.tasks):
            service.deployments.remove(deployment)
            service.finished.insert(0, deployment)
    for deployment in service.deployments:
        deployment.tasks = [task for task in deployment.tasks if not task.is_over]
    is_steady = len(service.deployments) == 1 and (
        sum(is_well(cloud, task) for task in service.primary.tasks) == service.desired
        and len(service.primary.tasks) == service.desired
    )
    if is_steady and not service.is_steady:
        service.say("has reached a steady state.")
        cluster = account.arn("ecs", f"cluster/{service.cluster}")
        cloud.events.action(service.arn, cluster, "SERVICE_STEADY_STATE")
    service.is_steady = is_steady


def _bury(cloud: Cloud, service: Service) -> None:
    """Stop what a deleted service still runs; then it is INACTIVE."""
    tasks = [task for deployment in service.deployments for task in deployment.tasks]
    for task in tasks:
        reason = f"Task stopped by (service {service.name}) being deleted"
        lifecycle.stop(cloud, task, "ServiceSchedulerInitiated", reason, drains=True)
    if all(task.is_over for task in tasks):
        service.status = "INACTIVE"
