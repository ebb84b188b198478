"""Which rights the calls to AWS need, and whether the controller's policies give them."""

from collections.abc import Iterable

from deployer.aws.template import policy

POLICIES = ("policies/controller-apps.json", "policies/controller-edge.json")
PREFIXES = {"elbv2": "elasticloadbalancing", "resourcegroupstaggingapi": "tag"}
OTHER_NAMES = {"sqs:DeleteMessageBatch": "sqs:DeleteMessage"}
BOOTSTRAP = ("cloudformation:", "ec2:")
"""What bootstrap asks, as an administrator."""


def allowed() -> set[str]:
    """Return what the controller may do."""
    return {
        action
        for path in POLICIES
        for statement in policy(path)["Statement"]
        for action in statement["Action"]
    }


def missing(calls: Iterable[tuple[str, str]]) -> set[str]:
    """Return the actions that these calls of services need and nobody allows."""
    actions = {f"{PREFIXES.get(service, service)}:{operation}" for service, operation in calls}
    needed = {OTHER_NAMES.get(action, action) for action in actions}
    return {one for one in needed - allowed() if not one.startswith(BOOTSTRAP)}
