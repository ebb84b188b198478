"""Targets as the API of load balancers shows and changes them, in the place of moto's."""

from typing import Any

from moto.elbv2.exceptions import TargetGroupNotFoundError

from tests.fakeaws.operations import Fields
from tests.fakeaws.targets import GONE, Target, Targets


def attach(backend: Any, targets: Targets) -> None:
    """Let the simulator's targets answer."""

    def register(self: Any, target_group_arn: str, instances: list[Fields]) -> None:
        group = _find(self, target_group_arn)
        for each in instances:
            targets.register(group.arn, each["Id"], int(each.get("Port") or group.port))

    def deregister(self: Any, target_group_arn: str, instances: list[Fields]) -> None:
        group = _find(self, target_group_arn)
        for each in instances:
            for target in _meant(targets.of(group.arn), each):
                targets.deregister(group.arn, target.host, target.port, waits=False)

    def describe(self: Any, target_group_arn: str, targets_asked: list[Fields]) -> list[Fields]:
        group = _find(self, target_group_arn)
        present = targets.of(group.arn)
        if not targets_asked:
            return [target.view() for target in present]
        return [
            shown
            for each in targets_asked
            for shown in (
                [target.view() for target in _meant(present, each)] or [_absent(each, group)]
            )
        ]

    backend.register_targets = register
    backend.deregister_targets = deregister
    backend.describe_target_health = describe


def _find(backend: Any, arn: str) -> Any:
    group = backend.target_groups.get(arn)
    if group is None:
        raise TargetGroupNotFoundError
    return group


def _meant(present: list[Target], wish: Fields) -> list[Target]:
    return [
        target
        for target in present
        if target.host == wish["Id"] and int(wish.get("Port") or target.port) == target.port
    ]


def _absent(wish: Fields, group: Any) -> Fields:
    health = {"State": "unused", "Reason": GONE[0], "Description": GONE[1]}
    target = {"Id": wish["Id"], "Port": int(wish.get("Port") or group.port)}
    return {"Target": target, "TargetHealth": health}
