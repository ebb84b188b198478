"""The CloudFormation template and the policies in it."""

import json
import re
from pathlib import Path

import botocore.session
import pytest
from botocore import xform_name

from deployer.aws.template import FOLDER, policy, template
from tests.aws_rights import POLICIES, missing

BODY_LIMIT = 51_200
"""How long a template may be that is sent as it is."""
POLICY_LIMIT = 6_144
"""How long a managed policy may be; white space does not count."""
LONGEST = {
    "${AWS::Partition}": "aws-us-gov",
    "${AWS::Region}": "ap-southeast-1",
    "${AWS::AccountId}": "123456789012",
    "${Cluster}": "a-name-of-a-cluster-of-30-signs",
    "${PublicZoneId}": "Z" + 31 * "0",
    "${PrivateZone}": "Z" + 31 * "0",
}


def test_the_template_can_be_sent_whole() -> None:
    assert len(template().encode()) <= BODY_LIMIT


@pytest.mark.parametrize("path", POLICIES)
def test_a_policy_of_the_controller_can_be_attached(path: str) -> None:
    text = json.dumps(policy(path), separators=(",", ":"))
    for name, value in LONGEST.items():
        text = text.replace(name, value)

    assert "${" not in text
    assert len("".join(text.split())) <= POLICY_LIMIT


def test_no_statement_allows_everything() -> None:
    statements = [one for path in POLICIES for one in policy(path)["Statement"]]

    actions = [action for one in statements for action in one["Action"]]
    assert not [action for action in actions if "*" in action]
    assert len(actions) == len(set(actions)) + _repeated(actions)


def test_roles_are_handed_to_tasks_alone() -> None:
    (passing,) = [
        one
        for path in POLICIES
        for one in policy(path)["Statement"]
        if "iam:PassRole" in one["Action"]
    ]

    assert passing["Condition"] == {
        "StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}
    }
    assert [arn.rpartition("/")[2] for arn in passing["Resource"]] == [
        "empire-exec",
        "empire-task-*",
    ]


def test_the_controller_may_do_all_that_the_adapters_ask() -> None:
    words = {
        word
        for file in Path(FOLDER).glob("*.py")
        if file.stem not in ("bootstrap", "stack")
        for word in re.findall(r"(?:\.|\(\")([a-z_0-9]+)", file.read_text())
    }
    asked = {
        (service, operation)
        for service in ("acm", "ecr", "ecs", "elbv2", "logs", "route53", "secretsmanager", "sqs")
        for operation in botocore.session.get_session().get_service_model(service).operation_names
        if xform_name(operation) in words
    }

    assert len(asked) > 30
    assert missing(asked) == set()


def _repeated(actions: list[str]) -> int:
    return actions.count("elasticloadbalancing:AddTags") - 1
