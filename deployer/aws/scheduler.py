"""Runs dynos as tasks of ECS services: a service for each process type of an app."""

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Protocol

from deployer.aws import failures, task_definition
from deployer.aws.account import Account, speaking
from deployer.aws.cluster import Cluster
from deployer.aws.config_secret import ConfigSecret
from deployer.aws.dynos import Dynos
from deployer.aws.events import Events
from deployer.aws.lives import Life, Record
from deployer.aws.plans import Plan, Step, plan
from deployer.aws.records import Records
from deployer.aws.restarts import Restarts
from deployer.aws.rollout import Rollout, enumerated, follow
from deployer.aws.services import Services
from empire.errors import Unavailable
from empire.events import Line, Stream
from empire.ledger import Ledger
from empire.manifest import Dyno, Manifest, Target
from empire.names import AppName, Hostname
from empire.platform import Duplex, IsCancelled
from empire.secrets import Secret
from empire.store import Store

PARALLEL = 8
GONE_SECONDS = 30.0
"""How long to wait until ECS has told what is not wanted to stop."""

Enter = Callable[[Dyno, str, dict[str, Secret], bool], Duplex]


class Doors(Protocol):
    """What a web process needs before it can run: a target group that a listener sends requests to."""

    def ensure(
        self,
        app: AppName,
        hostnames: tuple[Hostname, ...],
        internal: bool,
        health_path: str | None = None,
    ) -> str:
        """Return the ARN of the app's target group."""
        ...

    def remove(self, app: AppName) -> None:
        """Take away what leads to the app."""
        ...


class EcsScheduler:
    """The scheduler of one server on one cluster.

    Old and new tasks run side by side; ECS lets the old ones drain when the new ones take requests.
    `enter` runs a command in a dyno.
    """

    def __init__(
        self, account: Account, store: Store, doors: Doors, enter: Enter | None = None
    ) -> None:
        ledger = Ledger(store)
        self.cluster = Cluster(account)
        self.events = Events(self.cluster)
        self.config = ConfigSecret(account, store)
        self._account = account
        self._settings = account.settings
        self._doors = doors
        self._enter = enter
        self._records = Records(ledger)
        self._services = Services(self.cluster, self._records, ledger)
        self._dynos = Dynos(self.cluster, self._records)
        self._restarts = Restarts(self.cluster, self._dynos)
        self._turns: defaultdict[str, threading.RLock] = defaultdict(threading.RLock)

    def start(self, manifest: Manifest, is_cancelled: IsCancelled) -> Stream[tuple[Target, ...]]:
        """Start the manifest's dynos beside what runs and return where its web dynos listen."""
        self.events.start()
        plans = self._plans(manifest)
        if not plans:
            return ()
        rollouts: list[Rollout] = []
        try:
            names = [name for one in plans if one.step != Step.KEEP for name in one.names]
            if names:
                yield Line(f"Starting {enumerated(names)}")
            self._begin(manifest, plans, rollouts)
            yield from follow(rollouts, is_cancelled, manifest.app)
        except BaseException:
            self._undo(rollouts)
            raise
        self._note_up(rollouts)
        return self._targets(manifest)

    def keep(self, manifest: Manifest) -> None:
        """Do nothing: ECS starts every task of a service again, from the first."""

    def retire(
        self,
        manifest: Manifest,
        spared: frozenset[str] = frozenset(),  # noqa: ARG002 - ECS drains by itself
    ) -> None:
        """Let go of the app's dynos that the manifest does not hold, but of none that is newer."""
        self.events.start()
        wanted = {process.type: process for process in manifest.processes}
        with self._turns[manifest.app], speaking(f"stop the old dynos of {manifest.app}"):
            for type_, record in self._records.reload(manifest.app).items():
                newest = record.newest
                if newest is None or newest.number > manifest.deployment:
                    continue
                process = next((wanted[known] for known in wanted if known == type_), None)
                if process is None:
                    self._services.delete(record)
                    continue
                starts = process.starts[: process.quantity]
                self._keep_only(record, starts or (manifest.deployment,) * process.quantity)
            self._await_gone(manifest.app)

    def stop(self, app: AppName, deployment: int | None = None) -> None:
        """Stop and remove the dynos of one deployment, or all of the app and what belongs to it."""
        self.events.start()
        with self._turns[app], speaking(f"stop {app}"):
            if deployment is None:
                self._remove(app)
                return
            for record in self._records.reload(app).values():
                while (newest := record.newest) and newest.number == deployment:
                    record = self._services.revert(record)
                    if record.newest and not record.newest.count:
                        break
            self._await_gone(app)

    def dynos(self, app: AppName | None = None) -> list[Dyno]:
        """Return what runs now, of one app or of all."""
        self.events.start()
        return self._dynos.of(app)

    def enter(self, dyno: Dyno, command: str, env: dict[str, Secret], has_terminal: bool) -> Duplex:
        """Run a command in a running dyno and return its streams."""
        if self._enter is None:
            raise Unavailable("Commands cannot be run inside dynos here.")
        return self._enter(dyno, command, env, has_terminal)

    def watch(self, on_change: Callable[[AppName], None]) -> None:
        """Call back, from a thread, with each app of which a task started or ended."""
        self.events.on_change.append(on_change)
        self.events.start()

    def close(self) -> None:
        """Read no more events. Dynos run on."""
        self.events.close()

    def _plans(self, manifest: Manifest) -> list[Plan]:
        records = self._records.reload(manifest.app)
        return [
            plan(
                records.get(process.type) or Record(manifest.app, process.type),
                process,
                manifest.deployment,
            )
            for process in manifest.processes
            if process.quantity
        ]

    def _begin(self, manifest: Manifest, plans: Sequence[Plan], rollouts: list[Rollout]) -> None:
        """Ask ECS for all of it; what was asked for is in `rollouts`, also when the rest fails."""
        with self._turns[manifest.app], speaking(f"start {manifest.app}"):
            plans = self._plans(manifest)  # anew: another deployment may have had its turn
            if any(one.step == Step.PASSED for one in plans):
                raise failures.passed(manifest.app)
            self.cluster.tasks(manifest.app)
            is_anew = any(one.step == Step.BRING for one in plans)
            references = self.config.references(manifest.app, manifest.env) if is_anew else {}
            with ThreadPoolExecutor(min(len(plans), PARALLEL), "start") as pool:
                begun = [
                    pool.submit(self._begin_one, manifest, one, references, rollouts)
                    for one in plans
                ]
            for future in begun:
                future.result()

    def _begin_one(
        self,
        manifest: Manifest,
        wish: Plan,
        references: dict[str, str],
        rollouts: list[Rollout],
    ) -> None:
        record = self._records.get(manifest.app, wish.process.type)
        older = frozenset(
            task.arn
            for task in self.cluster.seen.of(manifest.app)
            if task.process == record.process
        )
        rollout = Rollout(self.cluster, record, wish.process, wish.names, manifest.env, older)
        if wish.step == Step.KEEP and self._is_whole(record):
            return
        rollout.is_new = wish.step in (Step.BRING, Step.RESUME)
        rollout.is_pushed = wish.step != Step.KEEP
        if wish.step == Step.BRING:
            life = self._new_life(manifest, wish, references)
            rollouts.append(rollout)
            newest = record.newest
            is_same = newest is not None and newest.definition == life.definition
            rollout.record = self._services.bring(record, life, is_forced=is_same)
            return
        rollouts.append(rollout)
        rollout.record = self._carried_on(manifest, wish, record)

    def _carried_on(self, manifest: Manifest, wish: Plan, record: Record) -> Record:
        """Do what leaves the definition as it is."""
        newest = record.newest
        assert newest is not None, "only what runs is carried on"
        if wish.step == Step.KEEP:
            return self._services.repair(record)
        if wish.step == Step.RESUME:
            record = self._services.repair(record)
            self._restarts.resume(record, wish.indexes)
            return record
        life = _continued(newest, manifest, wish.starts)
        if wish.step == Step.RESTART:
            record = self._records.note(record.then(life))
            self._restarts.restart(record, wish.indexes)
        if wish.step == Step.SCALE or life.count != newest.count:
            record = self._services.scale(record, life)
        return record

    def _new_life(self, manifest: Manifest, wish: Plan, references: dict[str, str]) -> Life:
        process = wish.process
        request = task_definition.of_process(manifest, process, self._settings, references)
        group = ""
        if process.is_routed:
            group = self._doors.ensure(
                manifest.app,
                manifest.hostnames,
                manifest.placement.is_internal,
                process.health_path,
            )
        return Life(
            number=manifest.deployment,
            definition=self._services.definition(manifest.app, process.type, request),
            starts=wish.starts,
            versions=(manifest.version,) * len(wish.starts),
            size=process.size.name,
            command=process.command,
            port=task_definition.port_of(manifest) if process.is_routed else 0,
            capacity=task_definition.capacity(manifest.placement, self._settings),
            target_group=group,
            began_at=time.time(),
            start_seconds=process.start_seconds,
        )

    def _is_whole(self, record: Record) -> bool:
        """Tell whether all tasks of a service are there, as far as is known without asking for it."""
        life = record.newest
        tasks = self.cluster.seen.of(record.app)
        mine = [task for task in tasks if task.process == record.process and task.is_running]
        running = sum(record.is_newest(task.ecs_id, task.definition) for task in mine)
        return life is not None and running >= life.count

    def _note_up(self, rollouts: Sequence[Rollout]) -> None:
        for one in rollouts:
            record = self._records.get(one.record.app, one.record.process)
            if record.newest and not record.newest.is_up:
                self._records.note(record.with_newest(replace(record.newest, is_up=True)))

    def _undo(self, rollouts: Sequence[Rollout]) -> None:
        """Bring back what was before; what another attempt has brought up stays."""
        pushed = [one for one in rollouts if one.is_pushed]
        if not pushed:
            return
        app = pushed[0].record.app
        with self._turns[app], speaking(f"stop {app}"):
            for one in pushed:
                record = self._records.get(app, one.record.process)
                if record.newest and not record.newest.is_up:
                    self._services.revert(record)
                if one.has_lost_config:
                    self.config.forget(app)
            self._await_gone(app)

    def _keep_only(self, record: Record, starts: tuple[int, ...]) -> None:
        """Let a service run no other dynos than those, and forget what it was before."""
        newest = record.newest
        assert newest is not None, "what has no life holds nothing"
        is_held = newest.starts[: len(starts)] == starts
        count = len(starts) if is_held else 0
        running = [
            task
            for task in self.cluster.seen.of(record.app)
            if task.process == record.process
            and task.is_wanted
            and record.is_newest(task.ecs_id, task.definition)
        ]
        if count < newest.count or len(running) > count:
            record = self._services.shrink(record, newest.cut(count))
        if len(record.lives) > 1:
            self._records.note(replace(record, lives=record.lives[-1:]))

    def _await_gone(self, app: str) -> None:
        """Wait, for a while, until ECS has told every task to stop that nothing holds."""
        deadline = time.monotonic() + GONE_SECONDS
        while self._dynos.surplus(app) and time.monotonic() < deadline:
            rings = self.cluster.seen.bell.rings
            if not self.cluster.is_told:
                self.cluster.ask(AppName(app))
            self.cluster.seen.bell.wait(rings, 0.2)

    def _targets(self, manifest: Manifest) -> tuple[Target, ...]:
        held = [dyno for dyno in self._dynos.of(manifest.app) if manifest.holds(dyno)]
        return tuple(dyno.target for dyno in held if dyno.target)

    def _remove(self, app: AppName) -> None:
        records = self._records.reload(app)
        for record in records.values():
            self._services.delete(record)
        tasks = [task for task in self.cluster.seen.of(app) if task.is_wanted]
        for name in {task.service for task in tasks if task.process not in records}:
            self._services.delete_named(name)
        self._doors.remove(app)
        self.config.remove(app)
        self._services.delete_definitions(app)
        self._await_gone(app)


def _continued(life: Life, manifest: Manifest, starts: tuple[int, ...]) -> Life:
    """Return the life with other dynos of the same definition."""
    known = (*life.versions, *[manifest.version] * len(starts))
    versions = tuple(
        manifest.version if start == manifest.deployment else known[index]
        for index, start in enumerate(starts)
    )
    return replace(
        life,
        number=manifest.deployment,
        starts=starts,
        versions=versions,
        is_up=False,
        began_at=time.time(),
    )
