"""The tasks of services as ECS tells of them, in events and in answers alike."""

import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from deployer.aws import naming
from empire.store import Bell

KEPT_SECONDS = 900.0
"""How long what has stopped is remembered: whoever follows a deployment must see how."""
OUT_OF_MEMORY = "OutOfMemoryError"


@dataclass(frozen=True, slots=True)
class Task:
    """One task of a service. Times are seconds since the epoch on AWS's clock; 0 is not yet."""

    arn: str
    app: str
    process: str
    ecs_id: str
    definition: str
    last_status: str
    desired_status: str
    version: int
    address: str = ""
    created_at: float = 0
    started_at: float = 0
    stopped_at: float = 0
    stop_code: str = ""
    reason: str = ""
    exit_code: int | None = None
    is_out_of_memory: bool = False

    @property
    def id(self) -> str:
        """The last part of its ARN."""
        return naming.id_of(self.arn)

    @property
    def service(self) -> str:
        """The name of its service."""
        return naming.service_name(self.app, self.process)

    @property
    def is_wanted(self) -> bool:
        """Tell whether nothing has asked it to stop."""
        return self.desired_status != "STOPPED" and not self.is_over

    @property
    def is_running(self) -> bool:
        """Tell whether its container runs and shall run."""
        return self.is_wanted and self.last_status == "RUNNING"

    @property
    def is_over(self) -> bool:
        """Tell whether it has ended."""
        return self.last_status in ("STOPPED", "DELETED")


def task_of(row: Mapping[str, Any]) -> Task | None:
    """Return the task of an event's detail or of DescribeTasks; None for one of no service of ours."""
    parts = naming.parts_of_group(row.get("group", ""))
    if parts is None:
        return None
    container: Mapping[str, Any] = next(iter(row.get("containers") or ()), {})
    return Task(
        arn=row["taskArn"],
        app=parts[0],
        process=parts[1],
        ecs_id=row.get("startedBy", ""),
        definition=row["taskDefinitionArn"],
        last_status=row["lastStatus"],
        desired_status=row["desiredStatus"],
        version=int(row.get("version") or 0),
        address=_address(row),
        created_at=seconds(row.get("createdAt")),
        started_at=seconds(row.get("startedAt")),
        stopped_at=seconds(row.get("stoppedAt")),
        stop_code=row.get("stopCode", ""),
        reason=row.get("stoppedReason", ""),
        exit_code=container.get("exitCode"),
        is_out_of_memory=str(container.get("reason", "")).startswith(OUT_OF_MEMORY),
    )


def seconds(moment: datetime | str | None) -> float:
    """Return a time as seconds since the epoch: events spell it, answers have it as such."""
    if not moment:
        return 0
    if isinstance(moment, str):
        moment = datetime.fromisoformat(moment)
    return moment.timestamp()


def _address(row: Mapping[str, Any]) -> str:
    for attachment in row.get("attachments") or ():
        for detail in attachment.get("details") or ():
            if detail.get("name") == "privateIPv4Address":
                return str(detail.get("value") or "")
    return ""


class Tasks:
    """All tasks that are known. News may come twice, late and out of order."""

    def __init__(self) -> None:
        self.bell = Bell()
        self._lock = threading.Lock()
        self._tasks: dict[str, Task] = {}
        self._rollouts: dict[str, tuple[str, str]] = {}
        self._steady: dict[str, float] = {}
        self._troubles: dict[str, str] = {}

    def see(self, tasks: Iterable[Task]) -> None:
        """Take what is newer than what is known."""
        with self._lock:
            for task in tasks:
                known = self._tasks.get(task.arn)
                if known is None or task.version > known.version:
                    self._tasks[task.arn] = task
            self._forget_old()
        self.bell.ring()

    def see_all(self, tasks: Iterable[Task], app: str | None, asked_at: float) -> None:
        """Take an answer that lists every task, of an app or of all: what is not in it is gone."""
        found = list(tasks)
        listed = {task.arn for task in found}
        with self._lock:
            for arn, task in list(self._tasks.items()):
                is_meant = app in (None, task.app) and not task.is_over
                if is_meant and arn not in listed and task.created_at < asked_at - 1:
                    del self._tasks[arn]
        self.see(found)

    def of(self, app: str | None = None) -> list[Task]:
        """Return the tasks of an app or of all, oldest first, also those that stopped lately."""
        with self._lock:
            found = [task for task in self._tasks.values() if app in (None, task.app)]
        return sorted(found, key=lambda task: (task.created_at, task.arn))

    def see_rollout(self, ecs_id: str, state: str, reason: str) -> None:
        """Take what became of a deployment of ECS: IN_PROGRESS, COMPLETED or FAILED."""
        with self._lock:
            self._rollouts[ecs_id] = state, reason
        self.bell.ring()

    def rollout(self, ecs_id: str) -> tuple[str, str]:
        """Return what became of a deployment of ECS and why; empty where nothing was heard."""
        with self._lock:
            return self._rollouts.get(ecs_id, ("", ""))

    def see_steady(self, service: str, at: float) -> None:
        """Take that a service had all it wants, at that time on AWS's clock."""
        with self._lock:
            self._steady[service] = max(at, self._steady.get(service, 0))
            self._troubles.pop(service, None)
        self.bell.ring()

    def steady_at(self, service: str) -> float:
        """Return when a service had all it wants for the last time."""
        with self._lock:
            return self._steady.get(service, 0)

    def see_trouble(self, service: str, text: str) -> None:
        """Take why a service cannot start its tasks."""
        with self._lock:
            self._troubles[service] = text
        self.bell.ring()

    def trouble(self, service: str) -> str:
        """Return why a service cannot start its tasks, as heard since it was steady."""
        with self._lock:
            return self._troubles.get(service, "")

    def _forget_old(self) -> None:
        long_ago = time.time() - KEPT_SECONDS
        for arn, task in list(self._tasks.items()):
            if task.is_over and task.stopped_at < long_ago:
                del self._tasks[arn]
