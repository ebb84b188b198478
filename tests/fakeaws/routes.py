"""Which action of a load balancer answers a request: rules in their order, then the default."""

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from tests.fakeaws import account
from tests.fakeaws.targets import groups_of


@dataclass(frozen=True)
class Request:
    """What conditions look at."""

    host: str
    path: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)


def listeners(scheme: str = "") -> list[Any]:
    """Return all listeners, or those of internet-facing or internal load balancers."""
    return [
        listener
        for balancer in list(account.elb().load_balancers.values())
        if not scheme or balancer.scheme == scheme
        for listener in list(balancer.listeners.values())
    ]


def actions_for(candidates: list[Any], request: Request) -> list[dict[str, Any]]:
    """Return the actions of the first rule that matches, in any of these listeners.

    Where none matches, the default actions of the first one whose default says something.
    """
    for listener in candidates:
        for rule in _in_order(listener):
            if all(_holds(condition, request) for condition in rule.conditions):
                return [action.data for action in rule.actions]
    for listener in candidates:
        return [action.data for action in listener.default_actions]
    return []


def target_group_of(action: dict[str, Any]) -> str:
    """Return the target group that a forwarding action sends to now, by weight."""
    weights = groups_of(_Action(action))
    groups, shares = list(weights), list(weights.values())
    if not any(shares):
        return groups[0] if groups else ""
    return random.choices(groups, shares)[0]


def _in_order(listener: Any) -> Iterable[Any]:
    rules = [rule for rule in list(listener.rules.values()) if not rule.is_default]
    return sorted(rules, key=lambda rule: int(rule.priority))


def _holds(condition: dict[str, Any], request: Request) -> bool:
    kind = condition["Field"]
    if kind == "host-header":
        host = request.host.partition(":")[0].lower()
        return _any_fits(host, [value.lower() for value in _values(condition, "HostHeaderConfig")])
    if kind == "path-pattern":
        path = request.path.partition("?")[0]
        return _any_fits(path, _values(condition, "PathPatternConfig"))
    if kind == "http-request-method":
        return request.method in _values(condition, "HttpRequestMethodConfig")
    if kind == "http-header":
        name = condition["HttpHeaderConfig"]["HttpHeaderName"].lower()
        return _any_fits(request.headers.get(name, ""), _values(condition, "HttpHeaderConfig"))
    return bool(kind == "source-ip")


def _values(condition: dict[str, Any], config: str) -> list[str]:
    return list(condition.get(config, {}).get("Values") or condition.get("Values") or [])


def _any_fits(text: str, patterns: list[str]) -> bool:
    return any(fnmatchcase(text, pattern.replace("[", "[[]")) for pattern in patterns)


@dataclass(frozen=True)
class _Action:
    data: dict[str, Any]
