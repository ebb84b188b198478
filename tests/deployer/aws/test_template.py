"""The CloudFormation template and the policies in it."""

import json

import pytest

from deployer.aws.template import policy, template

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
CONTROLLER = ("policies/controller-apps.json", "policies/controller-edge.json")


def test_the_template_can_be_sent_whole() -> None:
    assert len(template().encode()) <= BODY_LIMIT


@pytest.mark.parametrize("path", CONTROLLER)
def test_a_policy_of_the_controller_can_be_attached(path: str) -> None:
    text = json.dumps(policy(path), separators=(",", ":"))
    for name, value in LONGEST.items():
        text = text.replace(name, value)

    assert "${" not in text
    assert len("".join(text.split())) <= POLICY_LIMIT


def test_no_statement_allows_everything() -> None:
    statements = [one for path in CONTROLLER for one in policy(path)["Statement"]]

    actions = [action for one in statements for action in one["Action"]]
    assert not [action for action in actions if "*" in action]
    assert len(actions) == len(set(actions)) + _repeated(actions)


def test_roles_are_handed_to_tasks_alone() -> None:
    (passing,) = [
        one
        for path in CONTROLLER
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


def _repeated(actions: list[str]) -> int:
    return actions.count("elasticloadbalancing:AddTags") - 1
