"""From tasks and records to dynos."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from deployer.aws.cluster import Cluster
from deployer.aws.lives import Life, Record
from deployer.aws.records import Records
from deployer.aws.slots import Slots
from deployer.aws.tasks import Task
from empire.manifest import Dyno, Target
from empire.names import AppName, ProcessType


class Dynos:
    """The dynos of the apps that the ledger knows; other services of the cluster are nobody's."""

    def __init__(self, cluster: Cluster, records: Records) -> None:
        self._cluster = cluster
        self._records = records
        self._slots = Slots()

    def of(self, app: AppName | None = None) -> list[Dyno]:
        """Return what runs now, of one app or of all."""
        found = [dyno for dyno, _ in self._placed(self._cluster.tasks(app))]
        return sorted(found, key=lambda one: (one.app, one.deployment, one.process, one.index))

    def task(self, record: Record, index: int) -> Task | None:
        """Return the task that is the dyno of that number now, as far as was heard."""
        tasks = self._cluster.seen.of(record.app)
        for dyno, task in self._placed(tasks):
            is_newest = record.is_newest(task.ecs_id, task.definition)
            if (dyno.process, dyno.index) == (record.process, index) and is_newest:
                return task
        return None

    def surplus(self, app: str) -> list[Task]:
        """Return the tasks of an app that run although nothing that is written holds them."""
        records = self._records.of(app)
        found: list[Task] = []
        for process, tasks in _by_process(self._cluster.seen.of(app)).items():
            record = records.get(process[1]) or Record(*process)
            wanted = [task for task in tasks if task.is_wanted]
            lives = [record.life_of(task.ecs_id, task.definition) for task in wanted]
            pairs = list(zip(wanted, lives, strict=True))
            found += [task for task, life in pairs if life is None]
            mine = [task for task, life in pairs if life and life is record.newest]
            found += mine[record.newest.count if record.newest else 0 :]
        return found

    def _placed(self, tasks: Sequence[Task]) -> Iterator[tuple[Dyno, Task]]:
        for process, mine in _by_process(tasks).items():
            record = self._records.of(process[0]).get(process[1])
            if record is not None:
                yield from self._of_service(record, mine)

    def _of_service(self, record: Record, tasks: Sequence[Task]) -> Iterator[tuple[Dyno, Task]]:
        lives: dict[int, list[Task]] = defaultdict(list)
        for task in tasks:
            life = record.life_of(task.ecs_id, task.definition)
            if life is not None and not task.is_over:
                lives[record.lives.index(life)].append(task)
        for index, mine in lives.items():
            yield from self._of_life(record, record.lives[index], mine)

    def _of_life(
        self, record: Record, life: Life, tasks: Sequence[Task]
    ) -> Iterator[tuple[Dyno, Task]]:
        # What the newest life lets go of is on its way out; what an older one does still serves.
        if life is record.newest:
            tasks = [task for task in tasks if task.is_wanted]
        slots = self._slots.of(f"{record.app}/{record.process}/{life.ids[:1]}", tasks, life.count)
        for task in tasks:
            yield _dyno(record, life, task, slots[task.arn]), task


def _dyno(record: Record, life: Life, task: Task, index: int) -> Dyno:
    is_placed = index <= life.count
    has_address = life.port and task.address and task.last_status != "PENDING"
    return Dyno(
        app=AppName(record.app),
        process=ProcessType(record.process),
        index=index,
        version=life.versions[index - 1] if is_placed else max(life.versions, default=0),
        deployment=life.starts[index - 1] if is_placed else life.number,
        state=_state(life, task),
        command=life.command,
        size=life.size,
        started_at=task.created_at,
        id=task.id,
        target=Target(task.address, life.port) if has_address else None,
    )


def _state(life: Life, task: Task) -> str:
    if task.last_status in ("PROVISIONING", "PENDING", "ACTIVATING"):
        return "starting"
    return "up" if life.is_up else "starting"


def _by_process(tasks: Sequence[Task]) -> dict[tuple[str, str], list[Task]]:
    found: dict[tuple[str, str], list[Task]] = defaultdict(list)
    for task in tasks:
        found[task.app, task.process].append(task)
    return found
