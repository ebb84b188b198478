"""The picture of the cluster follows its events, whatever comes twice, late or not at all."""

import json
from typing import Any

import pytest

from deployer.aws.account import Account
from deployer.aws.cluster import Cluster
from deployer.aws.events import Events
from empire.names import AppName
from empire.settings import Settings
from tests.waiting import wait_until

ECS = "arn:aws:ecs:us-east-1:123456789012:"
SERVICE = f"{ECS}service/empire/hello_web"


def task(version: int, status: str = "RUNNING", **more: Any) -> dict[str, Any]:
    detail = {
        "taskArn": f"{ECS}task/empire/0a1b",
        "clusterArn": f"{ECS}cluster/empire",
        "taskDefinitionArn": f"{ECS}task-definition/e-hello_web:1",
        "group": "service:hello_web",
        "startedBy": "ecs-svc/1",
        "lastStatus": status,
        "desiredStatus": "RUNNING",
        "version": version,
        "createdAt": "2026-11-23T16:00:00.000Z",
        "containers": [{"name": "web", "exitCode": 3}],
        **more,
    }
    return {"detail-type": "ECS Task State Change", "resources": [], "detail": detail}


def service(kind: str, name: str, arn: str = SERVICE, **more: str) -> dict[str, Any]:
    detail = {"eventName": name, "createdAt": "2026-11-23T16:00:00Z", **more}
    return {"detail-type": f"ECS {kind}", "resources": [arn], "detail": detail}


@pytest.fixture
def events(account: Account) -> Events:
    return Events(Cluster(account))


def test_old_news_change_nothing(events: Events) -> None:
    seen = events._cluster.seen
    for event in (task(2), task(1, "PENDING"), task(2, "PENDING")):
        events.take(event)

    [found] = seen.of("hello")
    assert (found.id, found.last_status, found.exit_code) == ("0a1b", "RUNNING", 3)
    assert seen.of("other") == []


def test_what_is_not_ours_is_left_out(events: Events) -> None:
    told: list[Any] = []
    events.on_task.append(told.append)
    other = f"{ECS}cluster/other"
    for event in (task(1, group="family:run"), task(1, clusterArn=other), {}, {"detail": None}):
        events.take(event)
    elsewhere = SERVICE.replace("/empire/", "/other/")
    events.take(service("Service Action", "SERVICE_STEADY_STATE", elsewhere))

    assert events._cluster.seen.of() == []
    assert events._cluster.seen.steady_at("hello_web") == 0
    assert [detail["group"] for detail in told] == ["family:run"]


def test_rollouts_steadiness_and_troubles(events: Events) -> None:
    seen = events._cluster.seen
    failed = {"deploymentId": "ecs-svc/1", "reason": "tasks failed to start."}
    events.take(service("Deployment State Change", "SERVICE_DEPLOYMENT_FAILED", **failed))
    events.take(service("Service Action", "SERVICE_TASK_PLACEMENT_FAILURE", reason="RESOURCE:CPU"))
    events.take(service("Service Action", "SERVICE_TASKSET_STEADY_STATE"))

    assert seen.rollout("ecs-svc/1") == ("FAILED", "tasks failed to start.")
    assert seen.trouble("hello_web") == "RESOURCE:CPU"

    events.take(service("Service Action", "SERVICE_STEADY_STATE"))
    assert seen.trouble("hello_web") == ""
    assert seen.steady_at("hello_web") > 1_700_000_000


def test_the_queue_is_read_to_its_end(account: Account, settings: Settings) -> None:
    sqs = account.client("sqs")
    queue = sqs.create_queue(QueueName="events")["QueueUrl"]
    account.client("ecs").create_cluster(clusterName="empire")
    account.settings = settings.model_copy(update={"aws_event_queue": queue})
    changed: list[AppName] = []
    events = Events(Cluster(account))
    events.on_change.append(changed.append)
    for text in ("no json", json.dumps(task(1)), json.dumps(task(2, "STOPPED"))):
        sqs.send_message(QueueUrl=queue, MessageBody=text)

    for _ in range(2):
        events.start()
    wait_until(lambda: changed == ["hello", "hello"])

    def is_empty() -> bool:
        asked = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        told = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=asked)["Attributes"]
        return set(told.values()) == {"0"}

    wait_until(is_empty)
    events.close()
