"""What a manifest asks of a service depends on what the service is."""

from dataclasses import replace

import pytest

from deployer.aws.lives import Life, Record, of_entries
from deployer.aws.plans import Step, plan
from deployer.aws.slots import Slots
from deployer.aws.tasks import Task
from empire.manifest import Process, Size
from empire.names import ProcessType

DEFINITION = "arn:aws:ecs:us-east-1:123456789012:task-definition/e-hello_web:1"


def life(*starts: int, number: int = 0, ids: tuple[str, ...] = ("ecs-svc/1",)) -> Life:
    return Life(number or max(starts, default=1), DEFINITION, starts, starts, ids=ids, is_up=True)


def record(*lives: Life) -> Record:
    return Record("hello", "web", lives, is_made=bool(lives))


def web(quantity: int, *starts: int) -> Process:
    return Process(ProcessType("web"), "", quantity, Size("1X", 1, 512), starts=starts)


@pytest.mark.parametrize(
    ("before", "wanted", "number", "step", "names"),
    [
        (record(), web(2), 1, Step.BRING, "web.1 web.2"),
        (record(life(1)), web(1), 2, Step.BRING, "web.1"),
        (record(life(1, 1)), web(2, 1, 1), 2, Step.KEEP, "web.1 web.2"),
        (record(life(1, 1)), web(1, 1), 2, Step.KEEP, "web.1"),
        (record(life(1)), web(3, 1, 2, 2), 2, Step.SCALE, "web.2 web.3"),
        (record(life(1)), web(2), 1, Step.SCALE, "web.2"),
        (record(life(1, 1)), web(2, 2, 1), 2, Step.RESTART, "web.1"),
        (record(life(1, 1)), web(3, 1, 2, 2), 2, Step.RESTART, "web.2 web.3"),
        (record(life(1, 1)), web(2, 2, 2), 2, Step.BRING, "web.1 web.2"),
        (record(life(number=1)), web(2, 3, 3), 3, Step.BRING, "web.1 web.2"),
        (record(life(1), life(3)), web(1), 2, Step.PASSED, "web.1"),
        (record(replace(life(2, 2), is_up=False)), web(2), 2, Step.RESUME, "web.1 web.2"),
        (record(life(5, 5, number=5)), web(2, 3, 4), 6, Step.BRING, "web.1 web.2"),
    ],
)
def test_steps(before: Record, wanted: Process, number: int, step: Step, names: str) -> None:
    made = plan(before, wanted, number)

    assert (made.step, " ".join(made.names)) == (step, names)


def test_a_record_comes_back_from_the_ledger() -> None:
    kept = record(life(1), life(1, 2).known_as("ecs-svc/2"))

    assert of_entries("hello", {"service/web": kept.to_text(), "secret": "x"}) == {"web": kept}


def test_a_task_is_of_the_life_that_ecs_started_it_for() -> None:
    old, new = life(1), life(2, ids=("ecs-svc/2",))
    both = record(old, new)

    assert both.life_of("ecs-svc/1", "other") is old
    assert both.is_newest("ecs-svc/2", "other")
    assert both.is_newest("ecs-svc/9", DEFINITION)
    assert both.life_of("ecs-svc/9", "other") is None
    assert not record().is_newest("ecs-svc/1", DEFINITION)


def task(name: str, created_at: float) -> Task:
    return Task(
        name, "hello", "web", "ecs-svc/1", DEFINITION, "RUNNING", "RUNNING", 1, "", created_at
    )


def test_tasks_keep_their_numbers_and_new_ones_take_the_free() -> None:
    slots = Slots()
    a, b, c, d = (task(name, at) for at, name in enumerate("abcd"))

    assert slots.of("web", [a, b, c], 3) == {"a": 1, "b": 2, "c": 3}
    assert slots.of("web", [a, c, d], 3) == {"a": 1, "c": 3, "d": 2}
    assert slots.of("web", [c, d], 2) == {"c": 1, "d": 2}
    assert slots.of("other", [c, d], 2) == {"c": 1, "d": 2}
