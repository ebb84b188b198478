"""What a manifest asks of one service, given what it is now. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from deployer.aws.lives import Life, Record
from empire.manifest import Process


class Step(StrEnum):
    """What has to be done. PASSED is that a newer deployment has the service."""

    KEEP = "keep"
    RESUME = "resume"
    BRING = "bring"
    SCALE = "scale"
    RESTART = "restart"
    PASSED = "passed"


@dataclass(frozen=True, slots=True)
class Plan:
    """What a process of a manifest needs: a step, and which dynos it starts."""

    process: Process
    starts: tuple[int, ...]
    step: Step
    indexes: tuple[int, ...] = field(default=())

    @property
    def names(self) -> list[str]:
        """The dynos that it starts, or all where it only looks after them."""
        meant = self.indexes or range(1, len(self.starts) + 1)
        return [f"{self.process.type}.{index}" for index in meant]


def plan(record: Record, process: Process, number: int) -> Plan:
    """Return what brings the service to what the deployment of that number wants."""
    wanted = process.starts[: process.quantity] or (number,) * process.quantity
    newest = record.newest
    if newest is None:
        return Plan(process, wanted, Step.BRING)
    if newest.number > number:
        return Plan(process, wanted, Step.PASSED)
    if newest.starts[: len(wanted)] == wanted:
        if newest.is_up:
            return Plan(process, wanted, Step.KEEP)
        return Plan(process, wanted, Step.RESUME, _new(newest.starts, number))
    if newest.starts and wanted[: newest.count] == newest.starts:
        indexes = tuple(range(newest.count + 1, len(wanted) + 1))
        return Plan(process, wanted, Step.SCALE, indexes)
    changed = _changed(newest, wanted)
    if min(wanted) < number and all(wanted[index - 1] == number for index in changed):
        return Plan(process, wanted, Step.RESTART, changed)
    return Plan(process, wanted, Step.BRING)


def _new(starts: Sequence[int], number: int) -> tuple[int, ...]:
    return tuple(index for index, start in enumerate(starts, start=1) if start == number)


def _changed(newest: Life, wanted: tuple[int, ...]) -> tuple[int, ...]:
    known = (*newest.starts, *[0] * len(wanted))
    pairs = zip(wanted, known, strict=False)
    return tuple(index for index, (new, old) in enumerate(pairs, start=1) if new != old)
