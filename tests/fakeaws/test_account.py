"""The account's own ways: pages, limits, errors, tags, rates, events, deployments by their ARNs."""

import json
from collections.abc import Callable

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.fakeaws.operations import Fields
from tests.fakeaws.simulator import Simulator
from tests.fakeaws.stage import Stage, received
from tests.waiting import wait_until

pytestmark = pytest.mark.docker


@pytest.fixture
def queue(simulator: Simulator) -> str:
    """A queue of the test's own that gets all events of ECS."""
    sqs, events = simulator.client("sqs"), simulator.client("events")
    url = str(sqs.create_queue(QueueName="test-events")["QueueUrl"])
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
    events.put_rule(Name="test", EventPattern=json.dumps({"source": ["aws.ecs"]}))
    events.put_targets(Rule="test", Targets=[{"Id": "q", "Arn": arn["QueueArn"]}])
    return url


def test_events_tell_every_change(stage: Stage, queue: str) -> None:
    deployment = stage.create(stage.define())
    stage.settled(deployment)
    found: list[Fields] = []

    def is_told() -> bool:
        found.extend(received(stage.simulator, queue))
        return any(event["detail"].get("eventName") == "SERVICE_STEADY_STATE" for event in found)

    wait_until(is_told)
    mine = [event for event in found if _concerns(event, stage.name)]
    tasks = [e["detail"] for e in mine if e["detail-type"] == "ECS Task State Change"]
    assert [task["lastStatus"] for task in tasks] == [
        "PROVISIONING", "PENDING", "ACTIVATING", "RUNNING",
    ]  # fmt: skip
    assert [task["version"] for task in tasks] == [1, 2, 3, 4]
    assert tasks[-1]["startedAt"].endswith("Z")
    assert [
        (e["detail"]["eventName"], e["detail"]["deploymentId"])
        for e in mine
        if e["detail-type"] == "ECS Deployment State Change"
    ] == [
        ("SERVICE_DEPLOYMENT_IN_PROGRESS", deployment),
        ("SERVICE_DEPLOYMENT_COMPLETED", deployment),
    ]


def _concerns(event: Fields, name: str) -> bool:
    is_of_service = any(arn.endswith(f"/{name}") for arn in event["resources"])
    return is_of_service or event["detail"].get("group") == f"service:{name}"


def test_lists_come_in_pages(stage: Stage) -> None:
    for _ in range(3):
        stage.define()
    wish = {"familyPrefix": f"e-{stage.name}", "maxResults": 2}

    first = stage.ecs.list_task_definitions(**wish)
    second = stage.ecs.list_task_definitions(**wish, nextToken=first["nextToken"])

    assert [len(page["taskDefinitionArns"]) for page in (first, second)] == [2, 1]
    assert "nextToken" not in second
    newest = stage.ecs.list_task_definitions(familyPrefix=f"e-{stage.name}", sort="DESC")
    assert newest["taskDefinitionArns"][0].endswith(":3")


def test_batches_have_limits(stage: Stage) -> None:
    with pytest.raises(ClientError, match="at most 10 items"):
        stage.ecs.describe_services(cluster="empire", services=["x"] * 11)
    with pytest.raises(ClientError, match="at most 100 items"):
        stage.ecs.describe_tasks(cluster="empire", tasks=["x"] * 101)
    with pytest.raises(ClientError, match="between 1 and 10") as refused:
        stage.ecs.run_task(
            cluster="empire",
            taskDefinition=stage.define(),
            count=11,
            networkConfiguration=stage.network,
        )
    assert refused.value.response["Error"]["Code"] == "InvalidParameterException"


def test_what_is_not_there(stage: Stage) -> None:
    missing = stage.ecs.describe_services(cluster="empire", services=["none"])["failures"]
    assert [failure["reason"] for failure in missing] == ["MISSING"]
    with pytest.raises(stage.ecs.exceptions.ServiceNotFoundException):
        stage.ecs.update_service(cluster="empire", service="none", desiredCount=1)
    with pytest.raises(stage.ecs.exceptions.ClusterNotFoundException):
        stage.ecs.list_tasks(cluster="none")
    with pytest.raises(ClientError, match="The referenced task was not found"):
        stage.ecs.stop_task(cluster="empire", task="none")
    with pytest.raises(ClientError, match="TaskDefinition not found"):
        stage.create("e-none:1")


def test_a_service_is_made_once(stage: Stage) -> None:
    definition = stage.define()
    stage.create(definition, 0)
    with pytest.raises(ClientError, match="was not idempotent"):
        stage.create(definition, 0)


def test_a_target_group_needs_a_rule(stage: Stage) -> None:
    stage.route()
    stage.elb.delete_rule(RuleArn=stage.rule)
    stage.rule = ""
    with pytest.raises(ClientError, match="does not have an associated load balancer"):
        stage.create(stage.define())


def test_tags_are_found_by_the_tagging_api(stage: Stage) -> None:
    stage.create(stage.define(), 0, tags=[{"key": "empire:app", "value": stage.name}])
    arn = stage.shown()["serviceArn"]
    stage.ecs.tag_resource(resourceArn=arn, tags=[{"key": "more", "value": "1"}])

    tags = stage.ecs.list_tags_for_resource(resourceArn=arn)["tags"]
    assert {tag["key"] for tag in tags} == {"empire:app", "more"}
    found = stage.simulator.client("resourcegroupstaggingapi").get_resources(
        TagFilters=[{"Key": "empire:app", "Values": [stage.name]}]
    )
    assert [row["ResourceARN"] for row in found["ResourceTagMappingList"]] == [arn]


def test_too_many_requests_are_refused(stage: Stage) -> None:
    hasty = stage.simulator.client("ecs", Config(retries={"total_max_attempts": 1}))
    stage.simulator.throttle(True)
    try:
        codes = {_code(lambda: hasty.deregister_task_definition(taskDefinition="e-none:1"))}
        codes |= {
            _code(lambda: hasty.delete_task_definitions(taskDefinitions=[])) for _ in "x" * 30
        }
        assert "ThrottlingException" in codes
        assert stage.simulator.refused()["DeleteTaskDefinitions"] >= 9
    finally:
        stage.simulator.throttle(False)


def _code(call: Callable[[], object]) -> str:
    try:
        call()
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return ""


def test_a_service_deployment_is_stopped_and_rolled_back(stage: Stage) -> None:
    stage.settled(stage.create(stage.define()))
    stage.update(taskDefinition=stage.define(BEHAVE="silent"))
    wish = {"cluster": "empire", "service": stage.name}
    (brief,) = stage.ecs.list_service_deployments(**wish, status=["IN_PROGRESS"])[
        "serviceDeployments"
    ]
    arn = brief["serviceDeploymentArn"]

    stage.ecs.stop_service_deployment(serviceDeploymentArn=arn, stopType="ROLLBACK")

    def status() -> str:
        found = stage.ecs.describe_service_deployments(serviceDeploymentArns=[arn])
        return str(found["serviceDeployments"][0]["status"])

    wait_until(lambda: status() == "ROLLBACK_SUCCESSFUL")
    assert len(stage.tasks()) == 1
