"""What the simulator decides, without containers: moves of a rollout, breaks, matches."""

import pytest

from tests.fakeaws.definitions import Definition
from tests.fakeaws.operations import Fields
from tests.fakeaws.probes import matches
from tests.fakeaws.rollout import is_complete, next_moves
from tests.fakeaws.services import Deployment, Service
from tests.fakeaws.tasks import Launch, Task
from tests.fakeaws.throttle import Bucket

DEFINITION = Definition("web", 1, {"containerDefinitions": [{"name": "web"}]}, [])
EARLY = {"earlySuccessCriteria": {"enable": True, "sourceServiceRevisionCleanup": "DEFERRED"}}


def service(desired: int, old: int, new: int, **configuration: object) -> Service:
    """A service in the middle of a rollout: so many tasks run of the old one and of the new one."""
    made = Service("c", "web", {"deploymentConfiguration": configuration}, desired, [])
    for count in (old, new):
        tasks_of(made.deploy(DEFINITION), count)
    return made


def tasks_of(deployment: Deployment, count: int) -> None:
    for _ in range(count):
        task = Task(Launch("c", DEFINITION, "service:web"))
        task.last_status = "RUNNING"
        deployment.tasks.append(task)


def runs(task: Task) -> bool:
    return task.is_running


@pytest.mark.parametrize(
    ("desired", "old", "new", "percents", "starts", "stops"),
    [
        (2, 2, 0, (100, 200), 2, 0),  # all new ones beside the old ones
        (2, 2, 1, (100, 200), 1, 1),  # each new one frees an old one
        (2, 2, 2, (100, 200), 0, 2),
        (4, 4, 0, (50, 100), 0, 2),  # no room: old ones go first
        (4, 2, 0, (50, 100), 2, 0),
        (4, 4, 0, (100, 150), 2, 0),
        (1, 0, 3, (100, 200), 0, 2),  # scaled down
        (0, 1, 0, (100, 200), 0, 1),
    ],
)
def test_moves(
    desired: int, old: int, new: int, percents: tuple[int, int], starts: int, stops: int
) -> None:
    least, most = percents
    made = service(desired, old, new, minimumHealthyPercent=least, maximumPercent=most)
    moves = next_moves(made, runs)
    assert (moves.starts, len(moves.stops)) == (starts, stops)


def test_scaling_down_keeps_what_is_oldest() -> None:
    made = service(1, 0, 3)
    made.primary.tasks[1].last_status = "PENDING"
    assert next_moves(made, runs).stops == [made.primary.tasks[2], made.primary.tasks[1]]


@pytest.mark.parametrize(("configuration", "complete"), [({}, False), (EARLY, True)])
def test_early_success_does_not_wait_for_old_tasks(configuration: Fields, complete: bool) -> None:
    assert is_complete(service(2, 1, 2, **configuration), runs) is complete
    assert is_complete(service(2, 0, 2, **configuration), runs)
    assert not is_complete(service(2, 2, 1, **configuration), runs)


@pytest.mark.parametrize(
    ("desired", "threshold", "allowed"),
    [
        (1, None, 3),
        (20, None, 10),
        (1000, None, 200),
        (1, {"type": "COUNT", "value": 2}, 2),
        (100, {"type": "BOUNDED_PERCENT", "value": 10}, 10),
        (1, {"type": "UNBOUNDED_PERCENT", "value": 50}, 1),
    ],
)
def test_how_many_failures_break_the_circuit(
    desired: int, threshold: Fields | None, allowed: int
) -> None:
    breaker: Fields = {"enable": True, "rollback": True}
    if threshold:
        breaker["thresholdConfiguration"] = threshold
    made = Service("c", "web", {"deploymentConfiguration": {"deploymentCircuitBreaker": breaker}}, desired, [])  # fmt: skip
    assert made.failures_allowed() == allowed


@pytest.mark.parametrize(
    ("status", "matcher", "fits"),
    [(200, "200", True), (302, "200,302", True), (404, "200-399", False), (399, "200-399", True)],
)
def test_matchers(status: int, matcher: str, fits: bool) -> None:
    assert matches(status, matcher) is fits


def test_a_bucket_gives_its_burst_and_no_more() -> None:
    bucket = Bucket(3, 0.001)
    assert [bucket.take() for _ in range(4)] == [True, True, True, False]
