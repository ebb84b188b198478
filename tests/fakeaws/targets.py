"""Target groups as they are: who is registered, who answers, who still has requests in flight."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.fakeaws import account
from tests.fakeaws.operations import Fields
from tests.fakeaws.probes import Verdict, probe
from tests.fakeaws.tasks import Task

INITIAL = ("Elb.InitialHealthChecking", "Initial health checks in progress")
REGISTERING = ("Elb.RegistrationInProgress", "Target registration is in progress")
DRAINING = ("Target.DeregistrationInProgress", "Target deregistration is in progress")
UNUSED = (
    "Target.NotInUse",
    "Target group is not configured to receive traffic from the load balancer",
)
GONE = ("Target.NotRegistered", "Target is not registered to the target group")
DRAIN_LOOK_SECONDS = 0.05


@dataclass
class Target:
    """One address and port in one target group."""

    group: str
    host: str
    port: int
    state: str = "initial"
    reason: tuple[str, str] = REGISTERING
    passes: int = 0
    failures: int = 0
    in_flight: int = 0
    leaving: threading.Event = field(default_factory=threading.Event)

    @property
    def key(self) -> tuple[str, str, int]:
        """What makes it the only one."""
        return self.group, self.host, self.port

    def view(self) -> Fields:
        """Return it as DescribeTargetHealth shows it."""
        health: Fields = {"State": self.state}
        if self.state != "healthy":
            health |= {"Reason": self.reason[0], "Description": self.reason[1]}
        return {
            "Target": {"Id": self.host, "Port": self.port, "AvailabilityZone": "us-east-1a"},
            "HealthCheckPort": str(self.port),
            "TargetHealth": health,
        }


class Targets:
    """All registered targets; each is probed in a thread of its own."""

    def __init__(self, pace: float) -> None:
        self._pace = pace
        self._lock = threading.RLock()
        self._targets: dict[tuple[str, str, int], Target] = {}

    def register(self, group: str, host: str, port: int) -> None:
        """Add a target and begin to probe it; one that is there stays as it is."""
        with self._lock:
            found = self._targets.get((group, host, port))
            if found and not found.leaving.is_set():
                return
            target = Target(group, host, port)
            self._targets[target.key] = target
        name = f"probe {host}:{port}"
        threading.Thread(target=self._watch, args=(target,), name=name, daemon=True).start()

    def deregister(self, group: str, host: str, port: int, *, waits: bool) -> None:
        """Give it no new requests and forget it when none is in flight, or the delay is over."""
        with self._lock:
            target = self._targets.get((group, host, port))
            if target is None or target.leaving.is_set():
                return
            target.state, target.reason = "draining", DRAINING
            target.leaving.set()
        if waits:
            self._drain(target)
            return
        name = f"drain {host}:{port}"
        threading.Thread(target=self._drain, args=(target,), name=name, daemon=True).start()

    def register_task(self, task: Task) -> None:
        """Add the task to the target groups of its service."""
        for balancer in task.launch.load_balancers:
            port = int(balancer["containerPort"])
            self.register(balancer["targetGroupArn"], task.address, port)

    def deregister_task(self, task: Task, *, waits: bool) -> None:
        """Take the task from its target groups."""
        for balancer in task.launch.load_balancers:
            port = int(balancer["containerPort"])
            self.deregister(balancer["targetGroupArn"], task.address, port, waits=waits)

    def of(self, group: str) -> list[Target]:
        """Return the targets of a group."""
        with self._lock:
            return [target for target in self._targets.values() if target.group == group]

    def of_task(self, task: Task) -> list[Target]:
        """Return where a task is registered."""
        keys = [
            (balancer["targetGroupArn"], task.address, int(balancer["containerPort"]))
            for balancer in task.launch.load_balancers
        ]
        with self._lock:
            return [self._targets[key] for key in keys if key in self._targets]

    def all_healthy(self, task: Task) -> bool:
        """Tell whether a task is healthy in every target group of its service."""
        states = [target.state for target in self.of_task(task)]
        return states == ["healthy"] * len(task.launch.load_balancers)

    def failing(self, task: Task) -> tuple[str, str, int] | None:
        """Return a target group where the task is unhealthy, why, and on which port."""
        for target in self.of_task(task):
            if target.state == "unhealthy":
                return target.group, f"(reason {target.reason[1]})", target.port
        return None

    @contextmanager
    def chosen(self, group: str) -> Iterator[Target | None]:
        """Take the healthy target with the fewest requests in flight, and count one more."""
        with self._lock:
            target = _least_busy(self.of(group))
            if target:
                target.in_flight += 1
        try:
            yield target
        finally:
            if target:
                with self._lock:
                    target.in_flight -= 1

    def close(self) -> None:
        """Probe no more."""
        with self._lock:
            for target in self._targets.values():
                target.leaving.set()

    def _watch(self, target: Target) -> None:
        while not target.leaving.is_set():
            settings = account.elb().target_groups.get(target.group)
            if settings is None:
                self._forget(target)
                return
            if is_used(target.group):
                self._judge(target, settings, probe(target.host, target.port, settings))
            else:
                target.state, target.reason = "unused", UNUSED
            interval = float(settings.health_check_interval_seconds)
            target.leaving.wait(interval / self._pace)

    def _judge(self, target: Target, settings: object, verdict: Verdict) -> None:
        with self._lock:
            if target.leaving.is_set():
                return
            if target.state == "unused":
                target.state = "initial"
            if verdict.is_well:
                self._pass(target, int(getattr(settings, "healthy_threshold_count", 5)))
            else:
                self._fail(target, int(getattr(settings, "unhealthy_threshold_count", 2)), verdict)

    def _pass(self, target: Target, threshold: int) -> None:
        target.passes, target.failures = target.passes + 1, 0
        if target.state == "initial" or target.passes >= threshold:
            target.state = "healthy"

    def _fail(self, target: Target, threshold: int, verdict: Verdict) -> None:
        target.failures, target.passes = target.failures + 1, 0
        if target.failures >= threshold:
            target.state, target.reason = "unhealthy", (verdict.reason, verdict.description)
        elif target.state == "initial":
            target.reason = INITIAL

    def _drain(self, target: Target) -> None:
        settings = account.elb().target_groups.get(target.group)
        delay = (
            float(settings.attributes["deregistration_delay.timeout_seconds"]) if settings else 0
        )
        # A target stays draining for the whole delay, even one that has nothing in flight any more,
        # and ECS waits for that. Requests in flight run on our clock, not on the simulator's.
        now = time.monotonic()
        least, end = now + delay / self._pace, now + delay
        while time.monotonic() < (end if target.in_flight else least):
            time.sleep(DRAIN_LOOK_SECONDS)
        self._forget(target)

    def _forget(self, target: Target) -> None:
        with self._lock:
            if self._targets.get(target.key) is target:
                del self._targets[target.key]


def is_used(group: str) -> bool:
    """Tell whether a listener or a rule sends requests to the target group."""
    for balancer in list(account.elb().load_balancers.values()):
        for listener in list(balancer.listeners.values()):
            for rule in list(listener.rules.values()):
                if any(group in groups_of(action) for action in rule.actions):
                    return True
    return False


def groups_of(action: object) -> dict[str, int]:
    """Return the target groups of a forwarding action with their weights."""
    fields: Fields = getattr(action, "data", {})
    if fields.get("Type") != "forward":
        return {}
    weighted = fields.get("ForwardConfig", {}).get("TargetGroups", [])
    if weighted:
        return {each["TargetGroupArn"]: int(each.get("Weight", 1)) for each in weighted}
    return {fields["TargetGroupArn"]: 1} if fields.get("TargetGroupArn") else {}


def _least_busy(targets: list[Target]) -> Target | None:
    """Return the healthy target with the least to do; where none is healthy, any, as AWS does."""
    present = [target for target in targets if not target.leaving.is_set()]
    healthy = [target for target in present if target.state == "healthy"]
    return min(healthy or present, key=lambda target: target.in_flight, default=None)
