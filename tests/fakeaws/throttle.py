"""AWS's published request rates: a token bucket per family of operations; off until switched on.

Burst and sustained rate a second, per account and region (the quota pages of ECS and Route 53).
"""

import threading
import time
from collections import Counter

ECS = "AmazonEC2ContainerServiceV20141113."
FAMILIES = (
    (20, 1, "RegisterTaskDefinition DeregisterTaskDefinition DeleteTaskDefinitions"),
    (50, 20, "DescribeTaskDefinition ListTaskDefinitions ListTaskDefinitionFamilies"),
    (50, 5, "CreateService UpdateService DeleteService StopServiceDeployment"),
    (100, 20, "DescribeServices ListServices"),
    (100, 20, "DescribeTasks ListTasks"),
    (100, 40, "RunTask StopTask ExecuteCommand"),
    (20, 10, "TagResource UntagResource"),
    (50, 20, "ListServiceDeployments DescribeServiceDeployments DescribeServiceRevisions"),
    (20, 1, "CreateCluster UpdateCluster DeleteCluster PutClusterCapacityProviders"),
)
ROUTE53_PATH = "/2013-04-01/"
ROUTE53_RATE = (5, 5)


class Bucket:
    """Holds up to `burst` tokens, and gains `rate` of them a second."""

    def __init__(self, burst: float, rate: float) -> None:
        self._burst, self._rate = burst, rate
        self._tokens, self._at = burst, time.monotonic()

    def take(self) -> bool:
        """Take a token if there is one."""
        now = time.monotonic()
        gained = (now - self._at) * self._rate
        self._tokens, self._at = min(self._burst, self._tokens + gained), now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class Throttle:
    """Says which requests are too many."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._buckets: dict[str, Bucket] = {}
        self.refused: Counter[str] = Counter()

    def switch(self, is_on: bool) -> None:
        """Begin with full buckets, or let everything pass."""
        with self._lock:
            self.refused.clear()
            self._buckets = _buckets() if is_on else {}

    def refuses(self, target: str, path: str) -> bool:
        """Tell whether a request is too many, by its X-Amz-Target header or its path."""
        name = target.removeprefix(ECS) if target.startswith(ECS) else ""
        if path.startswith(ROUTE53_PATH):
            name = ROUTE53_PATH
        with self._lock:
            bucket = self._buckets.get(name)
            if bucket is None or bucket.take():
                return False
            self.refused[name] += 1
            return True


def _buckets() -> dict[str, Bucket]:
    made: dict[str, Bucket] = {ROUTE53_PATH: Bucket(*ROUTE53_RATE)}
    for burst, rate, names in FAMILIES:
        made |= dict.fromkeys(names.split(), Bucket(burst, rate))
    return made
