"""Task definitions: registered, described, listed; never changed."""

import time
from dataclasses import dataclass, field
from typing import Any

from tests.fakeaws import account
from tests.fakeaws.operations import Fields, Operation, Refusal, invalid, page

MAX_BYTES = 64 * 1024
FARGATE_MEMORY = {
    256: (512, 1024, 2048),
    512: range(1024, 4097, 1024),
    1024: range(2048, 8193, 1024),
    2048: range(4096, 16385, 1024),
    4096: range(8192, 30721, 1024),
    8192: range(16384, 61441, 4096),
    16384: range(32768, 122881, 8192),
}


@dataclass
class Definition:
    """One revision of a family."""

    family: str
    revision: int
    fields: Fields
    tags: list[Fields]
    status: str = "ACTIVE"
    registered_at: float = field(default_factory=time.time)

    @property
    def arn(self) -> str:
        """Its full name."""
        return account.arn("ecs", f"task-definition/{self.family}:{self.revision}")

    @property
    def container(self) -> Fields:
        """Its only container."""
        found: Fields = self.fields["containerDefinitions"][0]
        return found

    @property
    def stop_seconds(self) -> int:
        """How long a container has between SIGTERM and SIGKILL."""
        return int(self.container.get("stopTimeout", 30))

    def view(self) -> Fields:
        """Return it as the API shows it."""
        return {
            **self.fields,
            "taskDefinitionArn": self.arn,
            "revision": self.revision,
            "status": self.status,
            "compatibilities": ["EC2", "FARGATE"],
            "registeredAt": self.registered_at,
        }


class Definitions:
    """All task definitions of the account."""

    def __init__(self) -> None:
        self._families: dict[str, dict[int, Definition]] = {}

    def operations(self) -> dict[str, Operation]:
        """Return what the API offers."""
        return {
            "RegisterTaskDefinition": self.register,
            "DescribeTaskDefinition": self.describe,
            "ListTaskDefinitions": self.list,
            "ListTaskDefinitionFamilies": self.families,
            "DeregisterTaskDefinition": self.deregister,
            "DeleteTaskDefinitions": self.delete,
        }

    def __iter__(self) -> Any:
        return (each for family in self._families.values() for each in list(family.values()))

    def get(self, name: str) -> Definition:
        """Return the definition by ARN, family:revision, or family (its latest active one)."""
        family, _, revision = name.rpartition("/")[2].partition(":")
        revisions = self._families.get(family, {})
        active = [each for each in revisions.values() if each.status == "ACTIVE"]
        latest = active[-1] if active else None
        found = revisions.get(int(revision)) if revision else latest
        if found is None:
            raise Refusal("ClientException", "Unable to describe task definition.")
        return found

    def usable(self, name: str) -> Definition:
        """Return the definition if new tasks may be started from it."""
        try:
            found = self.get(name)
        except Refusal:
            raise Refusal("ClientException", "TaskDefinition not found.") from None
        if found.status != "ACTIVE":
            raise Refusal("ClientException", "TaskDefinition is inactive")
        return found

    def register(self, wish: Fields) -> Fields:
        """Keep a new revision."""
        fields = {key: value for key, value in wish.items() if key != "tags"}
        _check(fields)
        revisions = self._families.setdefault(fields["family"], {})
        revision = max(revisions, default=0) + 1
        made = Definition(fields["family"], revision, fields, list(wish.get("tags", [])))
        revisions[revision] = made
        return {"taskDefinition": made.view(), "tags": made.tags}

    def describe(self, wish: Fields) -> Fields:
        """Show one."""
        found = self.get(wish["taskDefinition"])
        return {"taskDefinition": found.view(), "tags": found.tags}

    def list(self, wish: Fields) -> Fields:
        """Show the ARNs of one family, or of those whose name starts so."""
        prefix, status = wish.get("familyPrefix", ""), wish.get("status", "ACTIVE")
        found = [
            each.arn for each in self if each.family.startswith(prefix) and each.status == status
        ]
        return page(wish, "taskDefinitionArns", found[:: -1 if wish.get("sort") == "DESC" else 1])

    def families(self, wish: Fields) -> Fields:
        """Show the names of families."""
        prefix, status = wish.get("familyPrefix", ""), wish.get("status", "ACTIVE")
        statuses = {"ACTIVE", "INACTIVE"} if status == "ALL" else {status}
        names = {each.family for each in self if each.status in statuses}
        return page(wish, "families", sorted(name for name in names if name.startswith(prefix)))

    def deregister(self, wish: Fields) -> Fields:
        """Let no new task start from it."""
        found = self.get(wish["taskDefinition"])
        found.status = "INACTIVE"
        return {"taskDefinition": found.view()}

    def delete(self, wish: Fields) -> Fields:
        """Forget inactive ones."""
        names, gone, failures = wish["taskDefinitions"], [], []
        if len(names) > 10:
            raise invalid("taskDefinitions can have at most 10 items.")
        for name in names:
            found = self.get(name)
            if found.status == "ACTIVE":
                failures.append({"arn": found.arn, "reason": "TaskDefinition is still ACTIVE"})
                continue
            del self._families[found.family][found.revision]
            gone.append({**found.view(), "status": "DELETE_IN_PROGRESS"})
        return {"taskDefinitions": gone, "failures": failures}


def _check(fields: Fields) -> None:
    containers = fields.get("containerDefinitions") or []
    if not fields.get("family") or not containers:
        raise Refusal("ClientException", "Container definitions cannot be empty.")
    if len(str(fields)) > MAX_BYTES:
        raise Refusal("ClientException", "Actual length: exceeds max length: 65536")
    if len(containers) > 1:
        raise Refusal("ClientException", "The simulator runs tasks of one container each.")
    for name in ("name", "image"):
        if not containers[0].get(name):
            raise Refusal("ClientException", f"Container.{name} should not be null or empty.")
    if "FARGATE" in fields.get("requiresCompatibilities", []):
        _check_fargate(fields)


def _check_fargate(fields: Fields) -> None:
    if fields.get("networkMode") != "awsvpc":
        raise Refusal("ClientException", "Fargate only supports network mode 'awsvpc'.")
    try:
        cpu, memory = int(fields["cpu"]), int(fields["memory"])
    except (KeyError, ValueError):
        message = "Fargate requires that 'cpu' and 'memory' be defined at the task level."
        raise Refusal("ClientException", message) from None
    if memory not in FARGATE_MEMORY.get(cpu, ()):
        message = "No Fargate configuration exists for given values: "
        raise Refusal("ClientException", f"{message}{cpu} CPU, {memory} memory.")
    driver = fields["containerDefinitions"][0].get("logConfiguration", {}).get("logDriver")
    if driver == "awslogs" and not fields.get("executionRoleArn"):
        message = "Fargate requires task definition to have execution role ARN to support log driver awslogs."
        raise Refusal("ClientException", message)
