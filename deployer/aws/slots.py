"""Which dyno a task is: the tasks of a service are all alike, so they are numbered as they come."""

import threading
from collections.abc import Sequence
from itertools import count as counted

from deployer.aws.tasks import Task


class Slots:
    """Remembers the number of each task while it runs; a new task takes the lowest that is free."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, dict[str, int]] = {}

    def of(self, service: str, tasks: Sequence[Task], count: int) -> dict[str, int]:
        """Return the number of each task by ARN, from 1; `count` of them there shall be.

        The tasks come oldest first. A number above the count gives way to a free one below it.
        """
        with self._lock:
            known = self._known.get(service, {})
            kept = {task.arn: known[task.arn] for task in tasks if task.arn in known}
            kept = {arn: index for arn, index in kept.items() if index <= max(count, len(tasks))}
            free = (index for index in counted(1) if index not in kept.values())
            placed: dict[str, int] = {}
            for task in tasks:
                index = kept.get(task.arn, 0)
                is_over = index > count and len(kept) <= count
                placed[task.arn] = next(free) if not index or is_over else index
            self._known[service] = placed
            return placed
