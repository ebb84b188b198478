"""The quotas of load balancers that moto does not hold."""

from typing import Any

from moto.elbv2.exceptions import ELBClientError
from moto.elbv2.models import ELBv2Backend

from tests.fakeaws.targets import groups_of

RULES = 100
GROUPS = 100
VALUES = 5
"""Of one load balancer, and of one rule."""

CREATE = ELBv2Backend.create_rule


def hold() -> None:
    """Refuse rules that are too many."""

    def create_rule(self: Any, listener_arn: str, conditions: Any, *rest: Any, **more: Any) -> Any:
        _check_values(conditions)
        rules = [
            rule
            for balancer in self.load_balancers.values()
            if listener_arn in balancer.listeners
            for listener in balancer.listeners.values()
            for rule in listener.rules.values()
            if not rule.is_default
        ]
        if len(rules) >= RULES:
            raise ELBClientError("TooManyRules", "The maximum number of rules has been reached.")
        groups = {group for rule in rules for action in rule.actions for group in groups_of(action)}
        if len(groups) >= GROUPS:
            message = "The maximum number of unique target groups has been reached."
            raise ELBClientError("TooManyUniqueTargetGroupsPerLoadBalancer", message)
        return CREATE(self, listener_arn, conditions, *rest, **more)

    setattr(ELBv2Backend, "create_rule", create_rule)  # noqa: B010


def _check_values(conditions: list[dict[str, Any]]) -> None:
    count = 0
    for condition in conditions:
        configs = [value for key, value in condition.items() if key.endswith("Config")]
        count += sum(len(config.get("Values", [])) for config in configs)
        count += len(condition.get("Values", []))
    if count > VALUES:
        message = f"A rule can only have '{VALUES}' condition values"
        raise ELBClientError("TooManyConditionValues", message)
