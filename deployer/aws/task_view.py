"""Looks at many tasks at a time, and not more often than is needed, whoever asks."""

import math
import threading
import time
from collections.abc import Collection, Iterable
from typing import Any

from deployer.aws.account import Account, speaking

AT_ONCE = 100
"""How many tasks DescribeTasks shows at a time."""
FRESH_SECONDS = 1.0
KEPT_SECONDS = 60.0
"""After how long a task that nobody asks for is not looked at any more."""

Row = dict[str, Any]


class TaskView:
    """The tasks that somebody asked for. All who ask share one look."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._looking = threading.Lock()
        self._asked_at: dict[str, float] = {}
        self._rows: dict[str, Row] = {}
        self._seen_at: dict[str, float] = {}

    def rows(self, arns: Collection[str], fresh: float = FRESH_SECONDS) -> dict[str, Row]:
        """Return the tasks that ECS still knows, as they were so many seconds ago at the latest."""
        if not arns:
            return {}
        now = time.monotonic()
        with self._looking:
            self._asked_at |= dict.fromkeys(arns, now)
            if any(now - self._seen_at.get(arn, -math.inf) >= fresh for arn in arns):
                self._look(now)
            return {arn: self._rows[arn] for arn in arns if arn in self._rows}

    def _look(self, now: float) -> None:
        wanted = [arn for arn, at in self._asked_at.items() if now - at < KEPT_SECONDS]
        rows = {row["taskArn"]: row for row in self._described(wanted)}
        self._asked_at = {arn: self._asked_at[arn] for arn in wanted}
        self._rows, self._seen_at = rows, dict.fromkeys(wanted, time.monotonic())

    def _described(self, arns: list[str]) -> Iterable[Row]:
        cluster = self._account.settings.aws_cluster
        for begin in range(0, len(arns), AT_ONCE):
            with speaking("look at one-offs"):
                yield from self._account.client("ecs").describe_tasks(
                    cluster=cluster, tasks=arns[begin : begin + AT_ONCE]
                )["tasks"]
