"""An app's rules on a listener: which names share one, in which order they stand. Pure.

A rule takes at most five names. The priority of a rule comes from its band and its slot: exact names
come first, then wildcards, the narrower ones before the wider ones, so that the nearest name wins
whoever's it is. In each band pages (maintenance) stand before the rules that forward.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

NAMES_MAX = 5
"""How many values the conditions of a rule may have together (a quota that AWS does not raise)."""
EXACT_SLOTS = 5000
WILDCARD_SLOTS = 1000
LABELS_MAX = 10
"""Wildcards with so many labels or more share a band."""
PAGE = (
    '<!doctype html><html lang="en"><meta charset="utf-8">'
    '<meta name="viewport" content="width=device-width"><title>Down for maintenance</title>'
    "<h1>Down for maintenance</h1>"
    "<p>This app is being worked on. Please come back in a while.</p></html>"
)


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of an app. `arn` is empty until it is made, `page` while the app is not in maintenance."""

    names: tuple[str, ...]
    slot: int = -1
    arn: str = ""
    page: str = ""

    @property
    def band(self) -> int:
        """The band of its names."""
        return band_of(self.names[0])

    @property
    def key(self) -> tuple[int, int]:
        """What tells it from the app's other rules: band and slot."""
        return self.band, self.slot

    @property
    def arns(self) -> tuple[str, ...]:
        """The rules of the listener that it is."""
        return tuple(arn for arn in (self.arn, self.page) if arn)

    @property
    def count(self) -> int:
        """How many rules of the listener it is, or will be."""
        return 1 + bool(self.page)


@dataclass(frozen=True, slots=True)
class Change:
    """What has to be done: rules as they shall be, and those that shall go."""

    kept: tuple[Rule, ...] = ()
    gone: tuple[Rule, ...] = field(default=())


def band_of(name: str) -> int:
    """Return 0 for an exact name; for a wildcard the lower the more labels it has."""
    if not name.startswith("*."):
        return 0
    return LABELS_MAX - min(name.count("."), LABELS_MAX - 1)


def slots_of(band: int) -> int:
    """Return how many rules fit into the band."""
    return WILDCARD_SLOTS if band else EXACT_SLOTS


def priority(band: int, slot: int, *, is_page: bool = False) -> int:
    """Return the priority of a rule in the band; the lowest number is asked first."""
    start = 1 if not band else 1 + 2 * EXACT_SLOTS + 2 * WILDCARD_SLOTS * (band - 1)
    return start + slot + (0 if is_page else slots_of(band))


def arranged(rules: Sequence[Rule], wanted: Iterable[str]) -> Change:
    """Return how the rules have to become for these names, with as few changes as can be."""
    names = list(dict.fromkeys(wanted))
    left = [name for name in names if not any(name in rule.names for rule in rules)]
    kept: list[Rule] = []
    gone: list[Rule] = []
    for rule in rules:
        held = [name for name in rule.names if name in names]
        fitting = [name for name in left if band_of(name) == rule.band][: NAMES_MAX - len(held)]
        left = [name for name in left if name not in fitting]
        if held or fitting:
            kept.append(replace(rule, names=(*held, *fitting)))
        else:
            gone.append(rule)
    for band in sorted({band_of(name) for name in left}):
        mine = [name for name in left if band_of(name) == band]
        kept += [
            Rule(tuple(mine[start : start + NAMES_MAX])) for start in range(0, len(mine), NAMES_MAX)
        ]
    return Change(tuple(kept), tuple(gone))


def conditions(names: Sequence[str]) -> list[dict[str, Any]]:
    """Return the conditions under which a rule takes a request."""
    return [{"Field": "host-header", "HostHeaderConfig": {"Values": list(names)}}]


def forward(target_group: str) -> list[dict[str, Any]]:
    """Return the actions that send requests to the app."""
    return [{"Type": "forward", "TargetGroupArn": target_group}]


def page() -> list[dict[str, Any]]:
    """Return the actions that answer instead of an app in maintenance."""
    answer = {"StatusCode": "503", "ContentType": "text/html", "MessageBody": PAGE}
    return [{"Type": "fixed-response", "FixedResponseConfig": answer}]


def names_of(rule: dict[str, Any]) -> tuple[str, ...]:
    """Return the host names of a rule as AWS describes it."""
    return tuple(
        name
        for condition in rule.get("Conditions", ())
        if condition.get("Field") == "host-header"
        for name in condition.get("HostHeaderConfig", {}).get("Values")
        or condition.get("Values", ())
    )


def target_group_of(rule: dict[str, Any]) -> str:
    """Return the target group to which a described rule forwards; empty where it does not."""
    for action in rule.get("Actions", ()):
        if action.get("TargetGroupArn"):
            return str(action["TargetGroupArn"])
        for group in action.get("ForwardConfig", {}).get("TargetGroups", ()):
            return str(group["TargetGroupArn"])
    return ""
