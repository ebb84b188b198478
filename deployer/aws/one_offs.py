"""Runs one-offs as tasks of their own. The ledger remembers them, ECS tells how they are."""

import threading
import time
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from typing import Any

import structlog
from botocore.exceptions import ClientError

from deployer.aws import run_definition, run_errors, run_record
from deployer.aws.account import Account, code_of, speaking, text_of, tolerating
from deployer.aws.config_secret import ConfigSecret
from deployer.aws.exec import Session, Visit, opened
from deployer.aws.follow import Follow
from deployer.aws.run_record import KEY, Record, Row
from deployer.aws.task_view import FRESH_SECONDS, TaskView
from empire.errors import EmpireError, ReleaseFailed
from empire.events import Stream
from empire.ledger import Ledger
from empire.manifest import OneOff, Run
from empire.names import AppName
from empire.platform import IsCancelled
from empire.secrets import Secret
from empire.store import Store

DEFINITION = "one-off/"
"""Before a definition's fingerprint, in the ledger: its ARN."""
READY_SECONDS = 300.0
"""How long a task may take until it takes commands: an image must be pulled first."""
LOOK_SECONDS = 0.5
log = structlog.get_logger()

CANNOT_RUN = ("ClientException", "InvalidParameterException", "PlatformUnknownException")


class EcsOneOffs:
    """The one-offs of one server on one cluster."""

    def __init__(self, account: Account, store: Store) -> None:
        self._account = account
        self._settings = account.settings
        self._ledger = Ledger(store)
        self._config = ConfigSecret(account, store)
        self._view = TaskView(account)
        self._lock = threading.Lock()
        self._waiting: dict[tuple[str, str], dict[str, Secret]] = {}
        """The environment of who waits to be attached; it goes through the session, nowhere else."""
        self._sessions: dict[tuple[str, str], Session] = {}

    def create(self, one_off: OneOff) -> None:
        """Register what it runs and remember it; one of the same name is left as it is."""
        if self._find(one_off.app, one_off.name):
            return
        if one_off.is_attached:
            env = one_off.env | run_definition.told(one_off)
            self._waiting[one_off.app, one_off.name] = env
        self._note(run_record.of(one_off, self._definition(one_off)))

    def start(self, app: AppName, name: str) -> None:
        """Run its task, exactly once; raises NotFound, ReleaseFailed."""
        record = self._found(app, name)
        if record.task:
            return
        if record.is_lost:
            raise run_errors.gone(name)
        if not record.begun_at:
            record = replace(record, begun_at=time.time())
            self._note(record)
        self._note(replace(record, task=self._run(record)))

    def output(self, app: AppName, name: str, is_cancelled: IsCancelled) -> Stream[int]:
        """Yield its output from the first line on and return its exit status."""
        follow = Follow(self._account, partial(self._seen, app, name))
        record = yield from follow.lines(is_cancelled)
        self._note(record)
        if record.exit_code is None:
            raise self._without_status(record)
        return record.exit_code

    def attach(self, app: AppName, name: str) -> Session:
        """Start it and return its streams, which wait until its task takes commands."""
        record = self._found(app, name)
        self.start(app, name)
        session = Session(record.has_terminal)
        with self._lock:
            self._sessions[app, name] = session
        threading.Thread(
            target=self._connect, args=(session, app, name), name=f"attach {name}", daemon=True
        ).start()
        return session

    def remove(self, app: AppName, name: str = "") -> None:
        """Kill and forget one, or without a name all of the app with what they were made of."""
        for record in self._records(app).get(app, ()):
            if name in ("", record.name):
                self._stop(record)
                self._ledger.strike(app, [record.key])
        if not name:
            self._deregister(app)

    def runs(self, app: AppName | None = None) -> list[Run]:
        """Return those that were not removed, of one app or of all, oldest first."""
        records = [record for found in self._records(app).values() for record in found]
        tasks = [one.task for one in records if one.task and not one.ended_at]
        rows = self._view.rows(tasks, fresh=0 if app else FRESH_SECONDS)
        runs = [self._told(record, rows.get(record.task)) for record in records]
        return sorted(runs, key=lambda run: run.dyno.started_at)

    def close(self) -> None:
        """Let go of the sessions. One-offs run on."""
        for session in list(self._sessions.values()):
            session.close()

    def _told(self, record: Record, row: Row | None) -> Run:
        if row and (seen := record.seen(row)) is not record:
            self._note(seen)
            record = seen
        return record.run(row)

    def _seen(self, app: AppName, name: str) -> Record:
        """Return the record with the end, if there was one; raises NotFound."""
        record = self._found(app, name)
        if record.ended_at or not record.task:
            return record
        row = self._view.rows([record.task]).get(record.task)
        if row is None and time.time() > record.begun_at + run_record.KNOWN_SECONDS:
            return replace(record, ended_at=record.begun_at)
        return record.seen(row) if row else record

    def _definition(self, one_off: OneOff) -> str:
        """Return the ARN of what it runs; what was registered before is not registered again."""
        references = (
            {} if one_off.is_attached else self._config.references(one_off.app, one_off.env)
        )
        request, fingerprint = run_definition.of(one_off, self._settings, references)
        key = DEFINITION + fingerprint
        known = self._ledger.of(one_off.app).get(key, "")
        if not known:
            with speaking(f"prepare {one_off.name}"):
                answer = self._account.client("ecs").register_task_definition(**request)
            known = str(answer["taskDefinition"]["taskDefinitionArn"])
            self._ledger.note(one_off.app, {key: known})
        return known

    def _run(self, record: Record) -> str:
        """Start the task and return its ARN; asked again, return that of the same task."""
        request = run_definition.launch(record, self._settings)
        with speaking(f"start {record.name}"):
            try:
                answer = self._account.client("ecs").run_task(**request)
            except ClientError as error:
                if code_of(error) in CANNOT_RUN:
                    raise self._refused(record, text_of(error)) from None
                raise
        if not answer["tasks"]:
            raise self._refused(record, _failures(answer))
        return str(answer["tasks"][0]["taskArn"])

    def _refused(self, record: Record, reason: str) -> ReleaseFailed:
        """Return the error of a task that ECS would not start, which was noted."""
        self._note(replace(record, begun_at=0))
        return run_errors.cannot_run(record.name, reason)

    @staticmethod
    def _without_status(record: Record) -> EmpireError:
        if record.reason:
            return run_errors.cannot_run(record.name, record.reason)
        return run_errors.gone(record.name)

    def _connect(self, session: Session, app: AppName, name: str) -> None:
        """Wait for the task, then start its command in it."""
        try:
            record = self._ready(app, name)
            env = self._waiting.pop((app, name), {})
            visit = Visit(
                self._settings.aws_cluster,
                record.task,
                record.process,
                record.command,
                env,
                record.has_terminal,
            )
            session.connect(lambda: opened(self._account, visit, name), visit)
        except EmpireError as error:
            session.fail(error)
        except Exception as error:
            log.exception("one-off could not be attached", app=app, name=name)
            session.fail(run_errors.session_broken(name, str(error)))

    def _ready(self, app: AppName, name: str) -> Record:
        """Return the record when its task takes commands; raises NotFound, ReleaseFailed."""
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            record = self._found(app, name)
            row = self._view.rows([record.task], fresh=LOOK_SECONDS / 2).get(record.task)
            if row and record.seen(row).ended_at:
                raise run_errors.cannot_run(name, record.seen(row).reason)
            if row and _takes_commands(row):
                return record
            time.sleep(LOOK_SECONDS)
        raise run_errors.cannot_run(name, f"Its task was not up within {READY_SECONDS:g} s.")

    def _stop(self, record: Record) -> None:
        with self._lock:
            session = self._sessions.pop((record.app, record.name), None)
        self._waiting.pop((record.app, record.name), None)
        with speaking(f"stop {record.name}"), tolerating("InvalidParameterException"):
            for task in self._tasks_of(record):
                self._account.client("ecs").stop_task(
                    cluster=self._settings.aws_cluster, task=task, reason="Removed"
                )
        if session:
            session.close()

    def _tasks_of(self, record: Record) -> Iterable[str]:
        """Return the tasks to stop; where it is not known if one was started, ask."""
        if record.ended_at or not record.begun_at:
            return []
        if record.task:
            return [record.task]
        found: list[str] = self._account.client("ecs").list_tasks(
            cluster=self._settings.aws_cluster, startedBy=run_definition.started_by(record)
        )["taskArns"]
        return found

    def _deregister(self, app: AppName) -> None:
        known = {k: arn for k, arn in self._ledger.of(app).items() if k.startswith(DEFINITION)}
        client = self._account.client("ecs")
        with speaking(f"remove one-offs of {app}"), tolerating("ClientException"):
            for arn in known.values():
                client.deregister_task_definition(taskDefinition=arn)
        self._ledger.strike(app, known)

    def _records(self, app: str | None) -> dict[str, list[Record]]:
        found = self._ledger.under(KEY, app)
        return {of: [run_record.read(text) for text in texts] for of, texts in found.items()}

    def _find(self, app: str, name: str) -> Record | None:
        found = (record for record in self._records(app).get(app, ()) if record.name == name)
        return next(found, None)

    def _found(self, app: str, name: str) -> Record:
        record = self._find(app, name)
        if record is None:
            raise run_errors.gone(name)
        return record

    def _note(self, record: Record) -> None:
        self._ledger.note(record.app, {record.key: record.text()})


def _takes_commands(row: Row) -> bool:
    agents = [agent for part in row["containers"] for agent in part.get("managedAgents", ())]
    return row["lastStatus"] == "RUNNING" and any(one["lastStatus"] == "RUNNING" for one in agents)


def _failures(answer: dict[str, Any]) -> str:
    return " ".join(f"{one.get('reason')} {one.get('detail', '')}" for one in answer["failures"])
