"""Brings services to what they shall be. Each step may run again: it looks first, then acts."""

import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from botocore.exceptions import ClientError

from deployer.aws import naming, requests
from deployer.aws.account import code_of, text_of, tolerating
from deployer.aws.cluster import Answer, Cluster
from deployer.aws.lives import Life, Record
from deployer.aws.records import Records
from deployer.aws.task_definition import Request, fingerprint
from empire.ledger import Ledger

DEFINITION_KEY = "definition/"
"""In the ledger, before process type and fingerprint: the definition that was registered for it."""
DRAINING_SECONDS = 90.0
DRAINING_LOOK_SECONDS = 0.5
MISSING = ("ServiceNotFoundException", "ServiceNotActiveException")
DELETED_AT_ONCE = 10


class Services:
    """The services of all apps, written down in the records before ECS is asked for them."""

    def __init__(self, cluster: Cluster, records: Records, ledger: Ledger) -> None:
        self.records = records
        self._cluster = cluster
        self._ledger = ledger
        self._settings = cluster.account.settings

    def definition(self, app: str, process: str, request: Request) -> str:
        """Return the ARN of a definition, registering it where that was not done before."""
        key = f"{DEFINITION_KEY}{process}/{fingerprint(request)}"
        known = self._ledger.of(app).get(key)
        if known:
            return known
        made = self._cluster.ecs.register_task_definition(**request)
        arn = str(made["taskDefinition"]["taskDefinitionArn"])
        self._ledger.note(app, {key: arn})
        return arn

    def forget_definition(self, app: str, arn: str) -> None:
        """Let a definition be registered again that somebody else took away."""
        entries = self._ledger.of(app)
        self._ledger.strike(app, [key for key, text in entries.items() if text == arn])

    def bring(self, record: Record, life: Life, *, is_forced: bool = False) -> Record:
        """Bring the service to a new life in which all its tasks start anew."""
        record = self.records.note(record.then(life))
        if not record.is_made:
            return self._create(record, life)
        return self._update(record, life, is_forced=is_forced)

    def scale(self, record: Record, life: Life) -> Record:
        """Bring the service to a life that has other numbers of the same tasks."""
        record = self.records.note(record.then(life))
        self._scale(record, life.count)
        return record

    def shrink(self, record: Record, life: Life) -> Record:
        """Let the service have fewer tasks. Noted afterwards: until then it is done again."""
        self._scale(record, life.count)
        return self.records.note(record.with_newest(life))

    def repair(self, record: Record) -> Record:
        """Look at the service and bring it to its newest life, where it is not there."""
        life = record.newest
        assert life is not None, "only what was started is repaired"
        row = self.look(record)
        if row is None or row["status"] != "ACTIVE":
            return self._create(replace(record, is_made=False), life)
        primary = _primary(row)
        others = {known for one in record.lives[:-1] for known in one.ids} - set(life.ids)
        is_there = primary["taskDefinition"] == life.definition and primary["id"] not in others
        if not is_there:
            return self._update(record, life, is_forced=True)
        record = self._known(record, primary["id"])
        if row["desiredCount"] != life.count:
            self._scale(record, life.count)
        return record

    def revert(self, record: Record) -> Record:
        """Bring the service back to the life before the newest. Noted afterwards."""
        life, before = record.newest, record.before
        assert life is not None, "only what was started is reverted"
        if before is None:
            nothing = replace(life.cut(0), is_up=True)
            if record.is_made or self.look(record):
                self._scale(record, 0)
            return self.records.note(replace(record, lives=(nothing,)))
        earlier = replace(record, lives=record.lives[:-1])
        if set(life.ids) - set(before.ids) or (not life.ids and self._has_left(record, before)):
            earlier = self._roll_back(earlier, before)
        elif life.count != before.count:
            self._scale(record, before.count)
        return self.records.note(earlier)

    def look(self, record: Record) -> Answer | None:
        """Return the service as ECS describes it; None where there is none."""
        name = naming.service_name(record.app, record.process)
        return self._cluster.look([name]).get(name)

    def delete(self, record: Record) -> None:
        """Take the service away with all its tasks."""
        self.delete_named(naming.service_name(record.app, record.process))
        self.records.strike(record)

    def delete_named(self, name: str) -> None:
        """Take away a service that may be there."""
        with tolerating(*MISSING):
            self._cluster.ecs.delete_service(cluster=self._cluster.name, service=name, force=True)

    def delete_definitions(self, app: str) -> None:
        """Take away all that was ever registered for the app."""
        ecs = self._cluster.ecs
        prefix = naming.family(app, "")
        answer = ecs.get_paginator("list_task_definition_families").paginate(
            familyPrefix=prefix, status="ALL"
        )
        for family in [name for page in answer for name in page["families"]]:
            self._delete_family(family)
        entries = self._ledger.of(app)
        self._ledger.strike(app, [key for key in entries if key.startswith(DEFINITION_KEY)])

    def _delete_family(self, family: str) -> None:
        ecs = self._cluster.ecs
        inactive: list[str] = []
        for status in ("INACTIVE", "ACTIVE"):
            pages = ecs.get_paginator("list_task_definitions").paginate(
                familyPrefix=family, status=status
            )
            arns = [arn for page in pages for arn in page["taskDefinitionArns"]]
            mine = [arn for arn in arns if naming.id_of(arn).partition(":")[0] == family]
            for arn in mine if status == "ACTIVE" else ():
                ecs.deregister_task_definition(taskDefinition=arn)
            inactive += mine
        for start in range(0, len(inactive), DELETED_AT_ONCE):
            ecs.delete_task_definitions(taskDefinitions=inactive[start : start + DELETED_AT_ONCE])

    def _create(self, record: Record, life: Life) -> Record:
        request = requests.creation(record, life, self._settings)
        deadline = time.monotonic() + DRAINING_SECONDS
        while True:
            try:
                row = self._cluster.ecs.create_service(**request)["service"]
                return self._known(replace(record, is_made=True), _primary(row)["id"])
            except ClientError as error:
                if code_of(error) != "InvalidParameterException":
                    raise
                if "not idempotent" in text_of(error):
                    return self._update(record, life, is_forced=True)
                if "still Draining" not in text_of(error) or time.monotonic() > deadline:
                    raise
            threading.Event().wait(DRAINING_LOOK_SECONDS)

    def _update(self, record: Record, life: Life, *, is_forced: bool) -> Record:
        request = requests.update(record, life, self._settings, is_forced=is_forced)
        try:
            row = self._cluster.ecs.update_service(**request)["service"]
        except ClientError as error:
            if code_of(error) not in MISSING:
                raise
            return self._create(record, life)
        return self._known(replace(record, is_made=True), _primary(row)["id"])

    def _scale(self, record: Record, count: int) -> None:
        request = requests.scaling(record, count, self._settings)
        with tolerating(*(MISSING if not count else ())):
            self._cluster.ecs.update_service(**request)

    def _roll_back(self, record: Record, life: Life) -> Record:
        """Let the tasks of the life before go on; where ECS has replaced them, start them again."""
        row = self.look(replace(record, lives=(life,)))
        if row and self._is_stopped(row):
            if row["desiredCount"] != life.count:
                self._scale(record, life.count)
            return record
        return self._update(record, life, is_forced=False)

    def _is_stopped(self, row: Answer) -> bool:
        """Stop the deployment under way, so that ECS goes back to what ran; tell whether it does."""
        if _primary(row).get("rolloutState") != "IN_PROGRESS":
            return False
        under_way = row.get("currentServiceDeployment") or self._deployment_under_way(row)
        if not under_way:
            return False
        try:
            self._cluster.ecs.stop_service_deployment(
                serviceDeploymentArn=under_way, stopType="ROLLBACK"
            )
        except ClientError:
            return False
        return True

    def _deployment_under_way(self, row: Answer) -> str:
        try:
            answer = self._cluster.ecs.list_service_deployments(
                cluster=self._cluster.name, service=row["serviceName"], status=["IN_PROGRESS"]
            )
        except ClientError:
            return ""
        found = answer.get("serviceDeployments") or ()
        return str(found[0]["serviceDeploymentArn"]) if found else ""

    def _has_left(self, record: Record, before: Life) -> bool:
        """Tell whether ECS was asked for the newest life, although that was not noted."""
        row = self.look(record)
        return row is not None and _primary(row)["id"] not in before.ids

    def _known(self, record: Record, ecs_id: str) -> Record:
        life = record.newest
        assert life is not None, "a service that ECS knows was started"
        return self.records.note(replace(record.with_newest(life.known_as(ecs_id)), is_made=True))


def _primary(row: Mapping[str, Any]) -> Answer:
    found: Answer = next(one for one in row["deployments"] if one["status"] == "PRIMARY")
    return found
