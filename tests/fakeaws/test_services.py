"""Services run real containers: first and next deployments, failures, scaling, the end."""

import httpx
import pytest

from tests.fakeaws.stage import Stage
from tests.waiting import wait_until

pytestmark = pytest.mark.docker


def ask(stage: Stage, path: str = "/") -> httpx.Response:
    host = {"Host": f"{stage.name}.example.com"}
    return httpx.get(f"http://127.0.0.1:{stage.simulator.alb_port}{path}", headers=host)


def test_a_service_runs_behind_the_load_balancer(stage: Stage) -> None:
    stage.route()
    deployment = stage.settled(stage.create(stage.define(COLOUR="red"), 2))

    assert deployment["rolloutState"] == "COMPLETED"
    assert (deployment["runningCount"], deployment["pendingCount"]) == (2, 0)
    assert ask(stage).json()["COLOUR"] == "red"
    assert stage.shown()["deploymentConfiguration"]["deploymentCircuitBreaker"]["rollback"]


def test_the_next_deployment_succeeds_early_and_the_old_tasks_go(stage: Stage) -> None:
    stage.route()
    stage.settled(stage.create(stage.define(COLOUR="red"), 2))

    deployment = stage.settled(stage.update(taskDefinition=stage.define(COLOUR="blue")))

    assert deployment["rolloutState"] == "COMPLETED"
    wait_until(lambda: len(stage.shown()["deployments"]) == 1)
    assert {ask(stage).json()["COLOUR"] for _ in range(4)} == {"blue"}


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        ("exit:3", "Essential container in task exited"),
        ("unwell", "Task failed ELB health checks in (target-group"),
    ],
)
def test_a_hopeless_deployment_is_rolled_back(stage: Stage, behaviour: str, reason: str) -> None:
    stage.route()
    first = stage.create(stage.define())
    stage.settled(first)
    before = {task["taskArn"] for task in stage.tasks()}

    failed = stage.settled(stage.update(taskDefinition=stage.define(BEHAVE=behaviour)))

    assert (failed["rolloutState"], failed["failedTasks"]) == ("FAILED", 3)
    assert failed["rolloutStateReason"].endswith(f"rolling back to deploymentId {first}.")
    assert any(reason in task["stoppedReason"] for task in stage.tasks("STOPPED"))
    wait_until(lambda: stage.shown()["deployments"][0]["rolloutState"] == "COMPLETED")
    assert {task["taskArn"] for task in stage.tasks()} == before


def test_without_one_that_completed_a_failed_deployment_stalls(stage: Stage) -> None:
    failed = stage.settled(stage.create(stage.define(BEHAVE="exit:4")))

    assert failed["rolloutState"] == "FAILED"
    exits = [task["containers"][0]["exitCode"] for task in stage.tasks("STOPPED")]
    assert exits == [4, 4, 4]


def test_an_image_that_is_missing(stage: Stage) -> None:
    stage.image = stage.image[:-4] + "0000"
    stage.settled(stage.create(stage.define()))

    task = stage.tasks("STOPPED")[0]
    assert task["stopCode"] == "TaskFailedToStart"
    assert task["stoppedReason"].startswith("CannotPullContainerError: ")


def test_scaling_makes_no_deployment_and_keeps_what_runs(stage: Stage) -> None:
    deployment = stage.create(stage.define())
    stage.settled(deployment)
    before = [task["taskArn"] for task in stage.tasks()]

    assert stage.update(desiredCount=3) == deployment
    wait_until(lambda: stage.shown()["runningCount"] == 3)
    assert stage.update(desiredCount=1) == deployment
    wait_until(lambda: stage.shown()["runningCount"] == 1)

    assert [task["taskArn"] for task in stage.tasks()] == before


def test_a_forced_deployment_replaces_all(stage: Stage) -> None:
    first = stage.create(stage.define(), 1)
    stage.settled(first)

    second = stage.update(forceNewDeployment=True)
    stage.settled(second)

    assert second != first
    assert {task["startedBy"] for task in stage.tasks()} == {second}


def test_a_stopped_task_is_replaced(stage: Stage) -> None:
    stage.settled(stage.create(stage.define()))
    task = stage.tasks()[0]["taskArn"]

    stage.ecs.stop_task(cluster="empire", task=task, reason="why not")

    wait_until(lambda: stage.tasks("STOPPED") != [] and len(stage.tasks()) == 1)
    assert stage.tasks()[0]["taskArn"] != task
    assert stage.tasks("STOPPED")[0]["stopCode"] == "UserInitiated"
