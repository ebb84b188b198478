"""Single tasks: exit codes, overrides, secrets, output, memory, what stops them."""

import json

import pytest
from botocore.exceptions import ClientError

from tests.fakeaws.operations import Fields
from tests.fakeaws.stage import Stage
from tests.waiting import wait_until

pytestmark = pytest.mark.docker


def run(stage: Stage, command: str, definition: str = "", **more: object) -> str:
    override = {"name": "web", "command": ["sh", "-c", command]}
    answer = stage.ecs.run_task(
        cluster="empire",
        taskDefinition=definition or stage.define(),
        networkConfiguration=stage.network,
        overrides={"containerOverrides": [override]},
        **more,
    )
    return str(answer["tasks"][0]["taskArn"])


def ended(stage: Stage, arn: str) -> Fields:
    def task() -> Fields:
        found: Fields = stage.ecs.describe_tasks(cluster="empire", tasks=[arn])["tasks"][0]
        return found

    wait_until(lambda: task()["lastStatus"] == "STOPPED")
    return task()


def output(stage: Stage, arn: str) -> list[str]:
    prefix = f"{stage.name}/web/{arn.rpartition('/')[2]}"
    logs = stage.simulator.client("logs")
    found = logs.filter_log_events(logGroupName="/empire/apps", logStreamNamePrefix=prefix)
    return [event["message"] for event in found["events"]]


def secret(stage: Stage, **values: str) -> tuple[str, str]:
    made = stage.simulator.client("secretsmanager").create_secret(
        Name=f"empire/{stage.name}", SecretString=json.dumps(values)
    )
    return made["ARN"], made["VersionId"]


def test_a_task_has_an_exit_code_and_its_output_is_kept(stage: Stage) -> None:
    arn = run(stage, "echo one; echo two >&2; exit 7")
    task = ended(stage, arn)

    assert task["containers"][0]["exitCode"] == 7
    assert (task["stopCode"], task["launchType"]) == ("EssentialContainerExited", "FARGATE")
    assert sorted(output(stage, arn)) == ["one", "two"]


def test_the_same_client_token_runs_no_second_task(stage: Stage) -> None:
    definition = stage.define()
    tasks = {run(stage, "true", definition, clientToken=stage.name) for _ in range(2)}
    assert len(tasks) == 1


def test_a_version_of_a_secret_stays_what_it_was(stage: Stage) -> None:
    arn, version = secret(stage, COLOUR="red")
    stage.simulator.client("secretsmanager").put_secret_value(
        SecretId=arn, SecretString='{"COLOUR": "blue"}'
    )
    for reference, colour in ((f"{arn}:COLOUR::{version}", "red"), (f"{arn}:COLOUR::", "blue")):
        wish = {"secrets": [{"name": "COLOUR", "valueFrom": reference}]}
        task = run(stage, "echo $COLOUR", stage.define(container=wish))
        ended(stage, task)
        assert output(stage, task) == [colour]


def test_a_secret_that_is_missing(stage: Stage) -> None:
    arn, version = secret(stage, COLOUR="red")
    wish = {"secrets": [{"name": "X", "valueFrom": f"{arn}:SHAPE::{version}"}]}
    task = ended(stage, run(stage, "true", stage.define(container=wish)))

    assert task["stopCode"] == "TaskFailedToStart"
    assert task["stoppedReason"].startswith("ResourceInitializationError: ")
    assert task["stoppedReason"].endswith("did not contain json key SHAPE")


def test_a_command_that_does_not_exist(stage: Stage) -> None:
    definition = stage.define(container={"entryPoint": ["/no/such/program"]})
    task = ended(stage, run(stage, "true", definition))
    assert task["stoppedReason"].startswith("CannotStartContainerError: ")


def test_a_log_group_that_does_not_exist(stage: Stage) -> None:
    stage.settings["EMPIRE_AWS_LOG_GROUP"] = "/no/such/group"
    task = ended(stage, run(stage, "true"))
    assert "The specified log group does not exist" in task["stoppedReason"]


def test_a_task_that_wants_too_much_memory(stage: Stage) -> None:
    definition = stage.define(container={"memory": 64}, BEHAVE="memory")
    task = ended(stage, run(stage, "exec python3 /app/app.py", definition))

    (container,) = task["containers"]
    assert container["exitCode"] == 137
    assert container["reason"].startswith("OutOfMemoryError")


def test_a_task_that_is_stopped_gets_a_term_signal(stage: Stage) -> None:
    arn = run(stage, "exec python3 -u /app/app.py")
    wait_until(lambda: output(stage, arn) == ["obedient app starts"])

    stage.ecs.stop_task(cluster="empire", task=arn, reason="enough")
    task = ended(stage, arn)

    assert (task["stopCode"], task["stoppedReason"]) == ("UserInitiated", "enough")
    assert output(stage, arn)[-1] == "goodbye"


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        ({"cpu": "256", "memory": "99999"}, "No Fargate configuration exists"),
        ({"cpu": "256", "memory": "512", "networkMode": "bridge"}, "only supports network mode"),
        ({}, "be defined at the task level"),
    ],
)
def test_a_definition_that_fargate_cannot_run(
    stage: Stage, wish: dict[str, str], message: str
) -> None:
    fields = {"networkMode": "awsvpc", **wish}
    with pytest.raises(ClientError, match=message):
        stage.ecs.register_task_definition(
            family="e-bad",
            requiresCompatibilities=["FARGATE"],
            containerDefinitions=[{"name": "web", "image": "x"}],
            **fields,
        )
