"""Writes an app's rules to a listener, whoever else writes there at the same time."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from botocore.exceptions import ClientError

from deployer.aws import rules
from deployer.aws.account import Account, code_of, tolerating
from deployer.aws.places import Place
from deployer.aws.rules import Rule
from deployer.aws.target_groups import tags
from empire.names import AppName

TRIES = 20
FULL = frozenset(
    ["TooManyRules", "TooManyTargetGroups", "TooManyUniqueTargetGroupsPerLoadBalancer"]
)

OtherSlot = Callable[[AppName, Place, Rule, frozenset[int]], Rule]
"""Returns the rule with another slot than those refused, after it noted that."""


class Full(Exception):
    """The listener's load balancer has no room for another rule or target group."""


class ListenerRules:
    """The rules of all listeners of one account."""

    def __init__(self, account: Account, other_slot: OtherSlot) -> None:
        self._account = account
        self._other_slot = other_slot

    def write(
        self, app: AppName, place: Place, old: Rule, rule: Rule, in_maintenance: bool
    ) -> Rule:
        """Make or change the rule and its page; return it as it is then. Raises Full."""
        if rule.arn and old.names != rule.names and not self._modify(rule.arn, rule.names):
            rule = replace(rule, arn="")
        if not rule.arn:
            rule = self._make(app, place, rule)
        if in_maintenance and rule.page and old.names != rule.names:
            rule = rule if self._modify(rule.page, rule.names) else replace(rule, page="")
        if in_maintenance and not rule.page:
            rule = replace(rule, page=self._make_page(app, place, rule))
        if not in_maintenance and rule.page:
            self._delete(rule.page)
            rule = replace(rule, page="")
        return rule

    def delete(self, rule: Rule) -> None:
        """Delete the rule and its page, as far as they are there."""
        self._delete(rule.arn)
        self._delete(rule.page)

    def described(self, listener: str) -> list[dict[str, Any]]:
        """Return all rules of a listener but its default, as AWS describes them."""
        with tolerating("ListenerNotFound"):
            pages = self._elb.get_paginator("describe_rules").paginate(ListenerArn=listener)
            return [rule for page in pages for rule in page["Rules"] if not rule["IsDefault"]]
        return []

    def of_target_group(self, arn: str) -> tuple[str, tuple[Rule, ...]]:
        """Return the listener and the rules that forward to a target group, with their pages."""
        [group] = self._elb.describe_target_groups(TargetGroupArns=[arn])["TargetGroups"]
        for balancer in group["LoadBalancerArns"]:
            for row in self._elb.describe_listeners(LoadBalancerArn=balancer)["Listeners"]:
                all_ = self.described(row["ListenerArn"])
                mine = [rule for rule in all_ if rules.target_group_of(rule) == arn]
                if mine:
                    return row["ListenerArn"], tuple(_remembered(rule, all_) for rule in mine)
        return "", ()

    @property
    def _elb(self) -> Any:
        return self._account.client("elbv2")

    def _make(self, app: AppName, place: Place, rule: Rule) -> Rule:
        actions = rules.forward(place.target_group)
        for _ in range(TRIES):
            try:
                return replace(rule, arn=self._create(app, place, rule, actions, is_page=False))
            except ClientError as error:
                if code_of(error) != "PriorityInUse":
                    raise
            there = self.described(place.listener)
            number = str(rules.priority(rule.band, rule.slot))
            held = next((one for one in there if one["Priority"] == number), None)
            if held and rules.target_group_of(held) == place.target_group:
                if rules.names_of(held) != rule.names:
                    self._modify(held["RuleArn"], rule.names)
                return replace(rule, arn=held["RuleArn"])
            other = self._other_slot(app, place, rule, _slots(there, rule.band))
            place, rule = place.with_rule(rule.key, other), other
        raise Full

    def _make_page(self, app: AppName, place: Place, rule: Rule) -> str:
        try:
            return self._create(app, place, rule, rules.page(), is_page=True)
        except ClientError as error:
            if code_of(error) != "PriorityInUse":
                raise
            number = str(rules.priority(rule.band, rule.slot, is_page=True))
            for held in self.described(place.listener):
                if held["Priority"] == number and rules.names_of(held) == rule.names:
                    return str(held["RuleArn"])
            raise

    def _create(
        self, app: AppName, place: Place, rule: Rule, actions: list[Any], *, is_page: bool
    ) -> str:
        try:
            made = self._elb.create_rule(
                ListenerArn=place.listener,
                Priority=rules.priority(rule.band, rule.slot, is_page=is_page),
                Conditions=rules.conditions(rule.names),
                Actions=actions,
                Tags=tags(self._account.settings.instance, app),
            )
        except ClientError as error:
            if code_of(error) in FULL:
                raise Full from None
            raise
        return str(made["Rules"][0]["RuleArn"])

    def _modify(self, arn: str, names: tuple[str, ...]) -> bool:
        """Let the rule stand for these names; return whether it is there at all."""
        with tolerating("RuleNotFound"):
            self._elb.modify_rule(RuleArn=arn, Conditions=rules.conditions(names))
            return True
        return False

    def _delete(self, arn: str) -> None:
        if arn:
            with tolerating("RuleNotFound"):
                self._elb.delete_rule(RuleArn=arn)


def _slots(described: list[dict[str, Any]], band: int) -> frozenset[int]:
    """Return the slots of the band of which a priority is taken."""
    taken = {int(rule["Priority"]) for rule in described}
    return frozenset(
        slot
        for slot in range(rules.slots_of(band))
        if taken & {rules.priority(band, slot), rules.priority(band, slot, is_page=True)}
    )


def _remembered(described: dict[str, Any], all_: list[dict[str, Any]]) -> Rule:
    names = rules.names_of(described)
    pages = [
        str(one["RuleArn"])
        for one in all_
        if rules.names_of(one) == names and not rules.target_group_of(one)
    ]
    return Rule(names, 0, str(described["RuleArn"]), pages[0] if pages else "")
