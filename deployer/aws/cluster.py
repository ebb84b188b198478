"""The cluster as it is: asked in batches, or told by events where there is a queue."""

import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

from deployer.aws.account import Account, speaking
from deployer.aws.tasks import Task, Tasks, seconds, task_of

DESCRIBED_AT_ONCE = 100
SERVICES_AT_ONCE = 10
PATIENCE_SECONDS = 300.0
"""How old the whole picture may get where events keep it: some may have been lost."""

Answer = dict[str, Any]


class Cluster:
    """What runs in the cluster. May be used by any thread.

    `is_told` says whether events keep the picture; else it is asked for whenever it is needed.
    """

    def __init__(self, account: Account) -> None:
        self.account = account
        self.name = account.settings.aws_cluster
        self.is_told = bool(account.settings.aws_event_queue)
        self.seen = Tasks()
        self._asking = threading.Lock()
        self._asked_at = 0.0

    @property
    def ecs(self) -> Any:
        """The client of ECS."""
        return self.account.client("ecs")

    def tasks(self, app: str | None = None) -> list[Task]:
        """Return the tasks of an app's services or of all, also those that stopped lately."""
        if not self.is_told:
            self.ask(app)
        elif not self._asked_at:
            self.refresh()
        return self.seen.of(app)

    def refresh(self, age_seconds: float = PATIENCE_SECONDS) -> None:
        """Ask for all tasks if that is long ago."""
        with self._asking:
            if not self._asked_at or time.monotonic() - self._asked_at > age_seconds:
                self.ask()
                self._asked_at = time.monotonic()

    def ask(self, app: str | None = None) -> None:
        """Ask for all tasks: two calls for every hundred.

        ECS cannot list by app, so the tasks of all are looked through for those of one.
        """
        asked_at = time.time()
        with speaking("list the tasks"):
            found = self._described(list(self._arns()))
        self.seen.see_all([task for task in found if app in (None, task.app)], app, asked_at)

    def look(self, names: Sequence[str], *, with_tasks: bool = False) -> dict[str, Answer]:
        """Return services as they are by name, those alone that there are; note what they tell.

        With tasks those that run and those that stopped lately are asked for too.
        """
        found: dict[str, Answer] = {}
        with speaking("look at services"):
            for start in range(0, len(names), SERVICES_AT_ONCE):
                answer = self.ecs.describe_services(
                    cluster=self.name, services=list(names[start : start + SERVICES_AT_ONCE])
                )
                found |= {row["serviceName"]: row for row in answer["services"]}
            if with_tasks:
                for name in found:
                    self._look_at_tasks(name)
        for row in found.values():
            self.note(row)
        return {name: row for name, row in found.items() if row["status"] != "INACTIVE"}

    def note(self, service: Answer) -> None:
        """Take what a described service tells of its deployments."""
        for one in service.get("deployments") or ():
            self.seen.see_rollout(
                one["id"], one.get("rolloutState", ""), one.get("rolloutStateReason", "")
            )
        for event in service.get("events") or ():
            if "steady state" in event["message"]:
                self.seen.see_steady(service["serviceName"], seconds(event["createdAt"]))
                break
            if "unable to" in event["message"] or "is unhealthy" in event["message"]:
                self.seen.see_trouble(service["serviceName"], event["message"])
                break

    def _look_at_tasks(self, name: str) -> None:
        arns: list[str] = []
        for status in ("RUNNING", "STOPPED"):
            answer = self.ecs.list_tasks(cluster=self.name, serviceName=name, desiredStatus=status)
            arns += answer["taskArns"]
        self.seen.see(self._described(arns))

    def _arns(self) -> Iterator[str]:
        pages = self.ecs.get_paginator("list_tasks")
        for page in pages.paginate(cluster=self.name):
            yield from page["taskArns"]

    def _described(self, arns: Sequence[str]) -> list[Task]:
        found: list[Task] = []
        for start in range(0, len(arns), DESCRIBED_AT_ONCE):
            answer = self.ecs.describe_tasks(
                cluster=self.name, tasks=list(arns[start : start + DESCRIBED_AT_ONCE])
            )
            found += filter(None, map(task_of, answer["tasks"]))
        return found
