"""One CloudFormation stack: what would change, changing it, taking it down, told as it goes."""

import secrets
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from deployer.aws import stack_errors as errors
from deployer.aws.account import Account, speaking, text_of
from empire import events
from empire.events import Stream

NAME = "empire"
POLL_SECONDS = 2.0
"""How often a stack that changes is asked for news."""
QUICK_SECONDS = 0.2
"""The same while it may be over at once, as on a simulator."""
NOTHING = ("didn't contain changes", "No updates are to be performed")
REFUSED = ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED")
"""A stack of which nothing works: it can only be deleted."""


@dataclass(frozen=True, slots=True)
class Change:
    """What happens to one resource: Add, Modify or Remove, and whether it is replaced by another."""

    action: str
    name: str
    type: str
    is_replaced: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """A change set: looked at, not yet executed."""

    id: str
    stack_id: str
    is_first: bool
    changes: tuple[Change, ...]


class Stack:
    """The stack of Empire in one account and region."""

    def __init__(self, account: Account) -> None:
        self._cloud = account.client("cloudformation")

    def parameters(self) -> dict[str, str]:
        """Return the parameters that it was made with; empty where there is no stack."""
        rows = self._row().get("Parameters", [])
        return {row["ParameterKey"]: row["ParameterValue"] for row in rows}

    def outputs(self) -> dict[str, str]:
        """Return what it made."""
        return {row["OutputKey"]: row["OutputValue"] for row in self._row().get("Outputs", [])}

    @property
    def is_there(self) -> bool:
        """Tell whether anything of it is there."""
        return bool(self._row())

    @property
    def is_broken(self) -> bool:
        """Tell whether its making failed, so that it can only be deleted."""
        return self._row().get("StackStatus") in REFUSED

    def plan(self, template: str, parameters: dict[str, str]) -> Plan | None:
        """Return what would change; None when nothing would."""
        is_first = self._row().get("StackStatus", "REVIEW_IN_PROGRESS") == "REVIEW_IN_PROGRESS"
        with speaking("plan the changes"):
            made = self._cloud.create_change_set(
                StackName=NAME,
                ChangeSetName=f"empire-{secrets.token_hex(6)}",
                ChangeSetType="CREATE" if is_first else "UPDATE",
                TemplateBody=template,
                Parameters=[
                    {"ParameterKey": key, "ParameterValue": value}
                    for key, value in parameters.items()
                ],
                Capabilities=["CAPABILITY_NAMED_IAM"],
            )
            pages = self._pages(made["Id"])
        if pages[0]["Status"] == "FAILED":
            reason = pages[0].get("StatusReason", "")
            self._forget(made["Id"])
            if any(word in reason for word in NOTHING):
                return None
            raise errors.not_planned(reason)
        rows = [row["ResourceChange"] for page in pages for row in page.get("Changes", [])]
        return Plan(made["Id"], made["StackId"], is_first, tuple(map(_change, rows)))

    def drop(self, plan: Plan) -> None:
        """Forget what was planned."""
        with speaking("forget the plan"):
            self._forget(plan.id)
            if plan.is_first:
                self._cloud.delete_stack(StackName=plan.stack_id)

    def apply(self, plan: Plan) -> Stream[None]:
        """Execute what was planned, resource by resource; raises EmpireError where it failed."""
        seen = {event["EventId"] for event in self._happened(plan.stack_id)}
        with speaking("make the changes"):
            self._cloud.execute_change_set(ChangeSetName=plan.id, StackName=plan.stack_id)
        yield from self._follow(plan.stack_id, seen)

    def remove(self) -> Stream[None]:
        """Take all of it down, resource by resource; raises EmpireError where something stays."""
        stack_id = self._row()["StackId"]
        seen = {event["EventId"] for event in self._happened(stack_id)}
        with speaking("take the stack down"):
            self._cloud.delete_stack(StackName=stack_id)
        yield from self._follow(stack_id, seen)

    def _row(self) -> dict[str, Any]:
        with speaking("look at the stack"):
            try:
                found: dict[str, Any] = self._cloud.describe_stacks(StackName=NAME)["Stacks"][0]
            except ClientError as error:
                if "does not exist" in text_of(error):
                    return {}
                raise
        return {} if found["StackStatus"] == "DELETE_COMPLETE" else found

    def _pages(self, change_set: str) -> list[dict[str, Any]]:
        """Return the change set, when it is made, with all its pages."""
        for seconds in _pauses():
            page = self._cloud.describe_change_set(ChangeSetName=change_set)
            if not page["Status"].endswith(("PENDING", "IN_PROGRESS")):
                break
            time.sleep(seconds)
        pages = [page]
        while token := pages[-1].get("NextToken"):
            pages.append(self._cloud.describe_change_set(ChangeSetName=change_set, NextToken=token))
        return pages

    def _forget(self, change_set: str) -> None:
        with suppress(ClientError):  # one that could not be made may be gone already
            self._cloud.delete_change_set(ChangeSetName=change_set)

    def _happened(self, stack_id: str) -> list[dict[str, Any]]:
        """Return what happened to the stack, oldest first."""
        with speaking("follow the stack"):
            pages = self._cloud.get_paginator("describe_stack_events").paginate(StackName=stack_id)
            found = [event for page in pages for event in page["StackEvents"]]
        return found[::-1]

    def _follow(self, stack_id: str, seen: set[str]) -> Stream[None]:
        """Tell what happens until it is over."""
        failures: list[str] = []
        for seconds in _pauses():
            for event in self._happened(stack_id):
                if event["EventId"] in seen:
                    continue
                seen.add(event["EventId"])
                status = event["ResourceStatus"]
                if event.get("PhysicalResourceId") != stack_id:
                    yield from _told(event, failures)
                elif not status.endswith("IN_PROGRESS"):
                    if status not in ("CREATE_COMPLETE", "UPDATE_COMPLETE", "DELETE_COMPLETE"):
                        raise errors.stack_failed(status, failures)
                    return
            time.sleep(seconds)


def _told(event: dict[str, Any], failures: list[str]) -> Iterator[events.Event]:
    name, status = event["LogicalResourceId"], event["ResourceStatus"]
    what = f"{name} ({kind(event['ResourceType'])})"
    if status.endswith("_FAILED"):
        reason = event.get("ResourceStatusReason", "")
        failures.append(f"{what}: {reason}")
        yield events.Warning(f"{what} failed: {reason}")
    elif status.endswith("_COMPLETE"):
        done = {"CREATE": "made", "UPDATE": "changed", "DELETE": "removed"}
        yield events.Line(f"{what} is {done.get(status.partition('_')[0], status.lower())}")


def kind(of: str) -> str:
    """Return what a resource is, as one says it: AWS::EC2::VPC is an EC2 VPC."""
    return " ".join(of.split("::")[1:]).replace("ElasticLoadBalancingV2", "ELB")


def _change(row: dict[str, Any]) -> Change:
    is_replaced = row.get("Replacement") in ("True", "Conditional")
    return Change(row["Action"], row["LogicalResourceId"], row["ResourceType"], is_replaced)


def _pauses() -> Iterator[float]:
    """Yield how long to wait between looks, for ever."""
    yield from [QUICK_SECONDS] * 5
    while True:
        yield POLL_SECONDS
