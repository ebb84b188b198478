"""How fast an account may be asked: one token bucket per family of AWS's request quotas.

AWS counts requests per account and region and refuses what is too fast. Waiting here for a moment is
better than being refused there: nobody else's tool in the account is slowed down by our tries.
"""

import threading
import time
from collections.abc import Callable

SHARE = 0.9
"""The part of AWS's rates that is ours: its clock is not ours, and retries count there too."""

BURSTS: dict[str, tuple[int, float]] = {
    "definition writes": (20, 1),
    "definition reads": (50, 20),
    "service writes": (50, 5),
    "service reads": (100, 20),
    "task reads": (100, 20),
    "task writes": (100, 20),
    "deployment reads": (50, 20),
    "tags": (20, 10),
    "load balancer writes": (30, 5),
    "load balancer reads": (40, 10),
    "records": (5, 5),
}
"""Each family's burst and sustained requests a second (the quota pages of ECS, ELB, Route 53)."""

FAMILIES: dict[tuple[str, str], str] = {
    ("ecs", operation): family
    for family, operations in {
        "definition writes": "RegisterTaskDefinition DeregisterTaskDefinition DeleteTaskDefinitions",
        "definition reads": "DescribeTaskDefinition ListTaskDefinitions ListTaskDefinitionFamilies",
        "service writes": "CreateService UpdateService DeleteService StopServiceDeployment",
        "service reads": "DescribeServices ListServices",
        "task reads": "DescribeTasks ListTasks",
        "task writes": "RunTask StopTask ExecuteCommand",
        "deployment reads": "ListServiceDeployments DescribeServiceDeployments",
        "tags": "TagResource UntagResource",
    }.items()
    for operation in operations.split()
}
READING = ("Describe", "Get", "List")


class Bucket:
    """Tokens that come at a rate, up to a number. Who comes first is served first."""

    def __init__(
        self, burst: float, per_second: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._burst = burst
        self._per_second = per_second
        self._clock = clock
        self._taking = threading.Lock()
        self._tokens = burst
        self._seen_at = clock()

    def take(self) -> float:
        """Take a token and return for how many seconds to wait before using it."""
        with self._taking:
            now = self._clock()
            gained = (now - self._seen_at) * self._per_second
            self._tokens, self._seen_at = min(self._burst, self._tokens + gained), now
            self._tokens -= 1
            return max(0.0, -self._tokens / self._per_second)


class Pace:
    """The buckets of one account in one region."""

    def __init__(self, share: float = SHARE, sleep: Callable[[float], None] = time.sleep) -> None:
        self._sleep = sleep
        self._buckets = {
            family: Bucket(max(1.0, burst * share), rate * share)
            for family, (burst, rate) in BURSTS.items()
        }

    def wait(self, service: str, operation: str) -> None:
        """Return when the call may be made."""
        bucket = self._buckets.get(family_of(service, operation))
        if bucket and (seconds := bucket.take()):
            self._sleep(seconds)


def family_of(service: str, operation: str) -> str:
    """Return the quota family of a call; empty where the quota is too high to matter."""
    if service == "route53":
        return "records"
    if service == "elbv2":
        kind = "reads" if operation.startswith(READING) else "writes"
        return f"load balancer {kind}"
    return FAMILIES.get((service, operation), "")
