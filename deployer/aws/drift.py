"""What changed on the load balancers behind the server's back, looked for when it starts.

Rules and target groups that are gone are noted as gone, so that the next switch makes them again;
those of apps that are not there any more are deleted. What is not tagged as this server's stays.
"""

from dataclasses import replace
from typing import Any

import structlog

from deployer.aws import rules
from deployer.aws.account import Account, speaking
from deployer.aws.load_balancer import LoadBalancer
from deployer.aws.places import INTERNAL, PUBLIC, Place
from deployer.aws.rules import Rule

log = structlog.get_logger()

TAGS_MAX = 20
"""Of how many things tags can be asked at a time."""

Described = dict[str, dict[str, Any]]


def look(account: Account, load_balancer: LoadBalancer) -> None:
    """Compare what is with what is noted. A call for each listener, and a few for what is unknown."""
    with speaking("look at the load balancers"):
        places = load_balancer.places.all()
        fronts = load_balancer.fronts
        named = [
            one for kind in (PUBLIC, INTERNAL) if fronts.has(kind) for one in fronts.named(kind)
        ]
        listeners = dict.fromkeys((*named, *(place.listener for place in places.values())))
        there: Described = {
            rule["RuleArn"]: rule
            for listener in listeners
            for rule in load_balancer.rules.described(listener)
        }
        groups = _target_groups(account)
        for app, place in places.items():
            seen = _seen(place, there, groups)
            if seen != place:
                log.warning("rules of an app were changed behind its back", app=app)
                load_balancer.places.note(app, seen)
        _sweep(account, load_balancer, there, groups)


def _target_groups(account: Account) -> frozenset[str]:
    pages = account.client("elbv2").get_paginator("describe_target_groups").paginate()
    return frozenset(
        group["TargetGroupArn"]
        for page in pages
        for group in page["TargetGroups"]
        if group["TargetGroupName"].startswith("e-")
    )


def _seen(place: Place, there: Described, groups: frozenset[str]) -> Place:
    """Return the place as it is, not as it was noted."""
    if place.target_group not in groups:
        gone = tuple(replace(rule, arn="") for rule in place.rules)
        return replace(place, target_group="", rules=gone)
    return replace(place, rules=tuple(_seen_rule(rule, there) for rule in place.rules))


def _seen_rule(rule: Rule, there: Described) -> Rule:
    page = rule.page if rule.page in there else ""
    names = rules.names_of(there[rule.arn]) if rule.arn in there else ()
    if not names:  # made again at its priority, where one without names is found and adopted
        return replace(rule, arn="", page=page)
    return replace(rule, names=names if set(names) != set(rule.names) else rule.names, page=page)


def _sweep(
    account: Account, load_balancer: LoadBalancer, there: Described, groups: frozenset[str]
) -> None:
    """Delete rules and target groups of ours that belong to no app."""
    places = load_balancer.places.all()
    noted = {place.target_group for place in places.values()}
    noted |= {arn for place in places.values() for rule in place.rules for arn in rule.arns}
    unknown = [*(arn for arn in there if arn not in noted), *(groups - noted)]
    for arn, app in _ours(account, unknown):
        # One whose app is noted may be on its way: it is adopted by its name or priority.
        if app in places:
            continue
        log.warning("what belongs to no app is deleted", arn=arn, app=app)
        if arn in groups:
            load_balancer.target_groups.delete(arn)
        else:
            load_balancer.rules.delete(Rule(("",), arn=arn))


def _ours(account: Account, arns: list[str]) -> list[tuple[str, str]]:
    """Return those that carry this server's tag, with the app of each."""
    found: list[tuple[str, str]] = []
    for start in range(0, len(arns), TAGS_MAX):
        asked = account.client("elbv2").describe_tags(ResourceArns=arns[start : start + TAGS_MAX])
        for one in asked["TagDescriptions"]:
            tags = {tag["Key"]: tag["Value"] for tag in one["Tags"]}
            if tags.get("empire:instance") == account.settings.instance:
                found.append((one["ResourceArn"], tags.get("empire:app", "")))
    return found
