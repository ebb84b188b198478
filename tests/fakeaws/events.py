"""What ECS tells EventBridge: every change of a task, of a deployment, of a service."""

import json
import queue
import threading
import time
from typing import Any

import structlog

from tests.fakeaws import account
from tests.fakeaws.operations import Fields
from tests.fakeaws.tasks import Task

log = structlog.get_logger()
TIMES = {
    "createdAt",
    "pullStartedAt",
    "pullStoppedAt",
    "connectivityAt",
    "startedAt",
    "stoppingAt",
    "executionStoppedAt",
    "stoppedAt",
}


class Events:
    """Carries events to moto's rules in the order they came, in a thread of its own."""

    def __init__(self) -> None:
        self._waiting: queue.SimpleQueue[Fields | None] = queue.SimpleQueue()
        self._carrier = threading.Thread(target=self._carry, name="events", daemon=True)
        self._carrier.start()

    def task(self, task: Task) -> None:
        """Tell that a task has changed."""
        detail = {
            name: account.moment(value) if name in TIMES else value
            for name, value in task.view().items()
        }
        detail["updatedAt"] = account.moment(time.time())
        self._put("ECS Task State Change", task.arn, detail)

    def deployment(self, service: str, deployment: str, name: str, reason: str) -> None:
        """Tell that a deployment is IN_PROGRESS, COMPLETED or FAILED."""
        detail = {
            "eventType": "ERROR" if name == "FAILED" else "INFO",
            "eventName": f"SERVICE_DEPLOYMENT_{name}",
            "deploymentId": deployment,
            "updatedAt": account.moment(time.time()),
            "reason": reason,
        }
        self._put("ECS Deployment State Change", service, detail)

    def action(self, service: str, cluster: str, name: str, is_warning: bool = False) -> None:
        """Tell what the scheduler did with a service, such as SERVICE_STEADY_STATE."""
        detail = {
            "eventType": "WARN" if is_warning else "INFO",
            "eventName": name,
            "clusterArn": cluster,
            "createdAt": account.moment(time.time()),
        }
        self._put("ECS Service Action", service, detail)

    def close(self) -> None:
        """Carry what waits, then stop."""
        self._waiting.put(None)
        self._carrier.join(5)

    def _put(self, kind: str, resource: str, detail: Fields) -> None:
        self._waiting.put(
            {
                "Source": "aws.ecs",
                "DetailType": kind,
                "Resources": [resource],
                "Detail": json.dumps(detail),
                "Time": time.time(),
            }
        )

    def _carry(self) -> None:
        for event in iter(self._waiting.get, None):
            _deliver(event)


def _deliver(event: Any) -> None:
    try:
        account.events().put_events([event])
    except Exception:
        log.exception("event lost", kind=event["DetailType"])
