"""Decides which tasks of a service start and stop next. Pure: it looks, and says what to do."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.fakeaws.services import Deployment, Service
from tests.fakeaws.tasks import Task

IsWell = Callable[[Task], bool]
"""Tells whether a task runs and passes the checks that its service has."""


@dataclass
class Moves:
    """What to do next: start so many tasks of the primary deployment, stop these."""

    starts: int = 0
    stops: list[Task] = field(default_factory=list)


def next_moves(service: Service, is_well: IsWell) -> Moves:
    """Return the moves that keep the service between its minimum and maximum."""
    primary, *older = service.deployments
    old = [task for deployment in older for task in deployment.alive]
    missing = service.desired - len(primary.alive)
    room = _ceiling(service) - len(primary.alive) - len(old)
    moves = Moves(starts=max(0, min(missing, room)))
    moves.stops = _surplus(primary, service.desired, is_well)
    moves.stops += _replaced(old, primary.alive, _floor(service), is_well)
    return moves


def is_complete(service: Service, is_well: IsWell) -> bool:
    """Tell whether the primary deployment has reached what it was made for."""
    well = sum(is_well(task) for task in service.primary.alive)
    early = service.configuration.get("earlySuccessCriteria", {})
    if not early.get("enable"):
        return well >= service.desired and not _is_cleaning(service)
    share = math.ceil(service.desired * early.get("healthyPercent", 100) / 100)
    is_deferred = early.get("sourceServiceRevisionCleanup", "BLOCKING") == "DEFERRED"
    return well >= share and (is_deferred or not _is_cleaning(service))


def _is_cleaning(service: Service) -> bool:
    return any(not task.is_over for older in service.deployments[1:] for task in older.tasks)


def _floor(service: Service) -> int:
    least = int(service.configuration["minimumHealthyPercent"])
    return math.ceil(service.desired * least / 100)


def _ceiling(service: Service) -> int:
    most = int(service.configuration["maximumPercent"])
    return math.floor(service.desired * most / 100)


def _surplus(primary: Deployment, desired: int, is_well: IsWell) -> list[Task]:
    """Return the tasks over the desired count: those that are not well first, then the newest."""
    alive = sorted(primary.alive, key=lambda task: (not is_well(task), task.created_at))
    return alive[desired:]


def _replaced(old: list[Task], new: list[Task], floor: int, is_well: IsWell) -> list[Task]:
    """Return the old tasks that are not needed any more: sick ones, and well ones over the floor."""
    sick = [task for task in old if not is_well(task)]
    well = [task for task in old if is_well(task)]
    spare = len(well) + sum(is_well(task) for task in new) - floor
    return sick + well[: max(0, spare)]
