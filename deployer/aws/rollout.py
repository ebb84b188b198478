"""Follows a service on its way up: until it is there, or until it is clear that it never will be."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from deployer.aws import failures, naming
from deployer.aws.cluster import Cluster
from deployer.aws.health import Health
from deployer.aws.lives import Life, Record
from deployer.aws.tasks import Task
from empire.errors import StartFailed
from empire.events import Line, Stream
from empire.manifest import Process
from empire.platform import IsCancelled
from empire.secrets import Secret
from empire.settings import Settings

CHECK_SECONDS = 0.1
"""How often to look whether somebody cancels, where nothing happens."""
FIRST_WORD_SECONDS, NEXT_WORD_SECONDS = 5.0, 10.0
"""After how long of silence it is said what is waited for."""
LOOK_SECONDS = 10.0
"""How often ECS is asked although events should have told."""
POLL_SECONDS, SIMULATED_POLL_SECONDS = 2.0, 0.3
"""How often it is asked where no events tell."""
UNSTEADY_SECONDS = 3.0
"""How long after all tasks run the target group is asked, where ECS does not say that all is well."""
NEWS_SECONDS = 1.0
"""How long it may take until the end of a task is heard of."""
PLACEMENT_SECONDS = 600.0
"""How long it may take until a task runs: capacity, its network, its image."""


@dataclass
class Rollout:
    """One service on its way to its newest life.

    `older` are the tasks that were there before; `is_new` says that ECS makes a deployment of it,
    which it ends; else only some tasks come and go.
    """

    cluster: Cluster
    record: Record
    process: Process
    names: Sequence[str]
    env: Mapping[str, Secret]
    older: frozenset[str] = frozenset()
    is_new: bool = True
    is_pushed: bool = True
    has_lost_config: bool = False
    began_at: float = field(default_factory=time.monotonic)
    seen_at: dict[str, float] = field(default_factory=dict)

    @property
    def life(self) -> Life:
        """What the service is on its way to."""
        assert self.record.newest is not None, "what is followed was begun"
        return self.record.newest

    @property
    def health(self) -> Health:
        """What its target group says."""
        return Health(self.cluster.account, self.life.target_group, self.process.health_path)

    @property
    def service(self) -> str:
        """The service's name."""
        return naming.service_name(self.record.app, self.record.process)

    def is_up(self) -> bool:
        """Tell whether all is there; raises StartFailed, TimedOut."""
        running = self._running()
        self._check_tasks()
        if len(running) >= self.life.count and self._is_well(running):
            return True
        self._check_time(running)
        return False

    def told(self) -> str:
        """Return how far it is, in words."""
        running, count = self._running(), self.life.count
        seconds = f"{time.monotonic() - self.began_at:.0f} s"
        if len(running) < count or not self.life.port:
            trouble = self.cluster.seen.trouble(self.service)
            known = f"{len(running)}/{count} tasks run"
            return f"{self.record.process} ({'; '.join(filter(None, (known, trouble)))}, {seconds})"
        addresses = [task.address for task in running]
        return f"{self.record.process} ({self.health.told(addresses)}, {seconds})"

    def told_up(self) -> str:
        """Return that it is there, in words."""
        is_one, seconds = len(self.names) == 1, time.monotonic() - self.began_at
        verb = "takes" if is_one else "take"
        are = f"{verb} requests" if self.life.port else "is up" if is_one else "are up"
        return f"{enumerated(self.names)} {are} ({seconds:.1f} s)"

    def _settings(self) -> Settings:
        return self.cluster.account.settings

    def _tasks(self) -> list[Task]:
        return [
            task
            for task in self.cluster.seen.of(self.record.app)
            if task.process == self.record.process
            and self.record.is_newest(task.ecs_id, task.definition)
        ]

    def _running(self) -> list[Task]:
        running = [task for task in self._tasks() if task.is_running]
        for task in running:
            self.seen_at.setdefault(task.arn, time.monotonic())
        return running

    def _is_well(self, running: Sequence[Task]) -> bool:
        if not self.life.port:
            uptime = self._settings().worker_uptime_seconds + NEWS_SECONDS
            return all(self._age(task) >= uptime or task.arn in self.older for task in running)
        if self.is_new:
            return self.cluster.seen.rollout(self.life.ids[-1])[0] == "COMPLETED"
        if self.cluster.seen.steady_at(self.service) >= max(t.started_at for t in running):
            return True
        if min(map(self._age, running)) < UNSTEADY_SECONDS:
            return False
        return self.health.are_well([task.address for task in running])

    def _age(self, task: Task) -> float:
        return time.monotonic() - self.seen_at[task.arn]

    def _check_tasks(self) -> None:
        for task in self._tasks():
            is_known = task.is_over or "health checks" in task.reason
            if task.arn not in self.older and is_known and failures.is_final(task):
                raise self._failure(task)
        state, reason = self.cluster.seen.rollout(self.life.ids[-1])
        if self.is_new and state == "FAILED":
            raise failures.gave_up(self.record.process, reason)

    def _failure(self, task: Task) -> StartFailed:
        self.has_lost_config = failures.LOST_CONFIG in task.reason
        if not failures.is_unhealthy(task):
            return failures.told(task, self.names[0], self._lines(task), self.process.size)
        self.cluster.look([self.service])  # only the service tells what its probes were answered
        probes = self.health.reason_in(self.cluster.seen.trouble(self.service))
        return failures.unhealthy(self.names[0], probes or task.reason, self._lines(task))

    def _check_time(self, running: Sequence[Task]) -> None:
        late = [t for t in running if self._age(t) > self._start_seconds() and self.life.port]
        if late:
            raise self._unhealthy(late[0], running)
        if not running and time.monotonic() - self.began_at > PLACEMENT_SECONDS:
            trouble = self.cluster.seen.trouble(self.service)
            raise failures.never_placed(self.record.process, PLACEMENT_SECONDS, trouble)

    def _unhealthy(self, task: Task, running: Sequence[Task]) -> StartFailed:
        probes = self.health.told([one.address for one in running])
        return failures.unhealthy(self.names[0], probes, self._lines(task), self._start_seconds())

    def _start_seconds(self) -> float:
        return max(self._settings().start_seconds, self.process.start_seconds)

    def _lines(self, task: Task) -> list[str]:
        return failures.written(self.cluster.account, task, self.env)


def follow(rollouts: Sequence[Rollout], is_cancelled: IsCancelled, app: str) -> Stream[None]:
    """Tell what comes up, until all is; raises what stopped the first that failed."""
    waiting = list(rollouts)
    if not waiting:
        return
    cluster = waiting[0].cluster
    pause_seconds = _look_seconds(cluster)
    said_at = looked_at = time.monotonic()
    patience_seconds = FIRST_WORD_SECONDS
    while True:
        rings = cluster.seen.bell.rings
        for one in [each for each in waiting if each.is_up()]:
            waiting.remove(one)
            yield Line(one.told_up())
        if not waiting:
            return
        if is_cancelled():
            raise failures.cancelled(app)
        if time.monotonic() - looked_at > pause_seconds:
            cluster.look([one.service for one in waiting], with_tasks=True)
            looked_at = time.monotonic()
        if time.monotonic() - said_at > patience_seconds:
            yield Line(f"Still waiting for {enumerated([one.told() for one in waiting])}")
            said_at, patience_seconds = time.monotonic(), NEXT_WORD_SECONDS
        cluster.seen.bell.wait(rings, CHECK_SECONDS)


def enumerated(names: Sequence[str], limit: int = 6) -> str:
    """Return the names as a person would say them, the many cut short."""
    if len(names) > limit:
        return f"{', '.join(names[:limit])} and {len(names) - limit} more"
    return " and ".join(part for part in (", ".join(names[:-1]), names[-1]) if part)


def _look_seconds(cluster: Cluster) -> float:
    if cluster.is_told:
        return LOOK_SECONDS
    return SIMULATED_POLL_SECONDS if cluster.account.is_simulated else POLL_SECONDS
