"""What the API offers of tasks: run, stop, describe, list."""

from collections.abc import Iterable

from tests.fakeaws import account, lifecycle
from tests.fakeaws.cloud import Cloud
from tests.fakeaws.definitions import Definition
from tests.fakeaws.operations import Fields, Operation, invalid, page
from tests.fakeaws.tasks import Launch, Task


class TaskCalls:
    """The operations on the tasks of a cloud."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._answers: dict[str, Fields] = {}

    def operations(self) -> dict[str, Operation]:
        """Return what the API offers."""
        return {
            "RunTask": self.run,
            "StopTask": self.stop,
            "DescribeTasks": self.describe,
            "ListTasks": self.list,
        }

    def run(self, wish: Fields) -> Fields:
        """Start up to ten tasks; asked again with the same client token, start none."""
        cluster = self._cloud.cluster(wish.get("cluster"))
        count = int(wish.get("count", 1))
        if not 1 <= count <= 10:
            raise invalid("Count must be between 1 and 10.")
        definition = self._cloud.definitions.usable(wish["taskDefinition"])
        if not wish.get("networkConfiguration"):
            raise invalid(
                "Network Configuration must be provided when networkMode 'awsvpc' is specified."
            )
        token = wish.get("clientToken", "")
        with self._cloud.lock:
            if token in self._answers:
                return self._again(token)
            launch = _launch(cluster, definition, wish)
            tasks = [lifecycle.start(self._cloud, launch) for _ in range(count)]
            answer: Fields = {"tasks": [task.view() for task in tasks], "failures": []}
            if token:
                self._answers[token] = answer
            return answer

    def stop(self, wish: Fields) -> Fields:
        """Stop a task at once: its targets are deregistered while it gets SIGTERM."""
        task = self.find(wish.get("cluster"), wish["task"])
        reason = wish.get("reason") or "Task stopped by user"
        lifecycle.stop(self._cloud, task, "UserInitiated", reason)
        return {"task": task.view()}

    def describe(self, wish: Fields) -> Fields:
        """Show up to a hundred tasks."""
        cluster = self._cloud.cluster(wish.get("cluster"))
        names = wish.get("tasks") or []
        if not names:
            raise invalid("Tasks cannot be empty.")
        if len(names) > 100:
            raise invalid("Tasks can have at most 100 items.")
        found, failures = [], []
        with self._cloud.lock:
            for name in names:
                arn = account.arn("ecs", f"task/{cluster}/{name.rpartition('/')[2]}")
                if arn not in self._cloud.tasks:
                    failures.append({"arn": arn, "reason": "MISSING"})
                    continue
                shown = self._cloud.tasks[arn].view()
                if "TAGS" not in wish.get("include", []):
                    shown["tags"] = []
                found.append(shown)
        return {"tasks": found, "failures": failures}

    def list(self, wish: Fields) -> Fields:
        """Show the ARNs of the cluster's tasks that fit all that is wished."""
        cluster = self._cloud.cluster(wish.get("cluster"))
        with self._cloud.lock:
            tasks = [t for t in self._cloud.tasks.values() if t.launch.cluster == cluster]
            return page(wish, "taskArns", [task.arn for task in _fitting(tasks, wish)])

    def find(self, cluster: str | None, name: str) -> Task:
        """Return a task by its id or ARN."""
        short = self._cloud.cluster(cluster)
        task = self._cloud.tasks.get(account.arn("ecs", f"task/{short}/{name.rpartition('/')[2]}"))
        if task is None:
            raise invalid("The referenced task was not found.")
        return task

    def _again(self, token: str) -> Fields:
        arns = [task["taskArn"] for task in self._answers[token]["tasks"]]
        known = [self._cloud.tasks[arn].view() for arn in arns if arn in self._cloud.tasks]
        return {"tasks": known, "failures": []}


def _launch(cluster: str, definition: Definition, wish: Fields) -> Launch:
    network = wish["networkConfiguration"].get("awsvpcConfiguration", {})
    strategy = wish.get("capacityProviderStrategy")
    return Launch(
        cluster=cluster,
        definition=definition,
        group=wish.get("group") or f"family:{definition.family}",
        started_by=wish.get("startedBy", ""),
        subnets=network.get("subnets", []),
        capacity=strategy[0] if strategy else wish,
        overrides=wish.get("overrides", {}),
        tags=wish.get("tags", []),
        can_execute=bool(wish.get("enableExecuteCommand")),
    )


def _fitting(tasks: Iterable[Task], wish: Fields) -> Iterable[Task]:
    desired = wish.get("desiredStatus", "RUNNING")
    service, family = wish.get("serviceName"), wish.get("family")
    for task in tasks:
        is_wished = (
            task.desired_status == desired
            and (not service or task.launch.group == f"service:{service.rpartition('/')[2]}")
            and (not family or task.definition.family == family)
            and wish.get("startedBy", task.launch.started_by) == task.launch.started_by
        )
        if is_wished:
            yield task
