"""What is remembered of a one-off from its making on, whatever dies meanwhile; none of it is secret."""

import json
import time
import uuid
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from deployer.aws import naming
from empire.manifest import Dyno, OneOff, Run
from empire.names import AppName, ProcessType

KEY = "run/"
"""Before the one-off's name, in the ledger."""
STARTING = ("PROVISIONING", "PENDING", "ACTIVATING")
TOKEN_SECONDS = 23 * 3600.0
"""How long ECS surely knows a client token again (24 hours, by its page on idempotency)."""
KNOWN_SECONDS = 300.0
"""After how long a task that ECS does not show is one that it forgot: it keeps ended ones an hour."""

Row = dict[str, Any]
"""A task as DescribeTasks shows it."""


@dataclass(frozen=True, slots=True)
class Record:
    """A one-off. Times are seconds since the epoch, 0 for what was not yet.

    `token` makes it start exactly once; `task` is its ARN once that is known.
    """

    app: str
    name: str
    definition: str
    version: int
    command: str
    size: str
    seconds: float
    app_name: str = ""
    capacity: str = ""
    is_attached: bool = False
    has_terminal: bool = False
    token: str = field(default_factory=lambda: uuid.uuid4().hex)
    created_at: float = field(default_factory=time.time)
    begun_at: float = 0
    task: str = ""
    ended_at: float = 0
    exit_code: int | None = None
    reason: str = ""
    """Why it could not run, where it could not."""

    @property
    def key(self) -> str:
        """What it is remembered under."""
        return KEY + self.name

    @property
    def process(self) -> str:
        """The type of dyno that it is, such as run."""
        return self.name.partition(".")[0]

    @property
    def mark(self) -> str:
        """What stands before its exit status at the end of its output."""
        return f"[empire {self.token[:12]}: exited with"

    @property
    def is_lost(self) -> bool:
        """Tell whether nobody can tell any more if it was started."""
        return bool(self.begun_at and not self.task) and time.time() > self.begun_at + TOKEN_SECONDS

    def text(self) -> str:
        """Return the record as it is kept."""
        return json.dumps(asdict(self))

    def seen(self, row: Row) -> "Record":
        """Return the record with what ECS tells of the end; itself while there is none."""
        code = _exit_code(row)
        if self.ended_at or (row["lastStatus"] != "STOPPED" and code is None):
            return self
        ended = row.get("executionStoppedAt") or row.get("stoppedAt")
        at = ended.timestamp() if ended else time.time()
        if code is None:
            return replace(self, ended_at=at, reason=_reason(row))
        return replace(self, ended_at=at, exit_code=code)

    def run(self, row: Row | None) -> Run:
        """Return the one-off as people see it, with what ECS tells of its task, if it does."""
        type_, _, index = self.name.partition(".")
        dyno = Dyno(
            app=AppName(self.app),
            process=ProcessType(type_),
            index=int(index),
            version=self.version,
            deployment=0,
            state=self._state(row),
            command=self.command,
            size=self.size,
            started_at=self.begun_at or self.created_at,
            id=naming.id_of(self.task) or self.token,
            exit_code=self.exit_code,
            is_out_of_memory=bool(row) and "OutOfMemory" in _reason(row or {}),
        )
        return Run(dyno, self.is_attached, dyno.started_at + self.seconds, self.ended_at)

    def _state(self, row: Row | None) -> str:
        if self.ended_at:
            return "down"
        return "starting" if row is None or row["lastStatus"] in STARTING else "up"


def of(one_off: OneOff, definition: str) -> Record:
    """Return the record of a one-off that has a definition."""
    return Record(
        app=one_off.app,
        name=one_off.name,
        definition=definition,
        version=one_off.version,
        command=one_off.command,
        size=one_off.size.name,
        seconds=one_off.seconds,
        app_name=one_off.app_name or one_off.app,
        capacity=one_off.placement.capacity,
        is_attached=one_off.is_attached,
        has_terminal=one_off.has_terminal,
    )


def read(text: str) -> Record:
    """Return the record that was kept."""
    return Record(**json.loads(text))


def _exit_code(row: Row) -> int | None:
    codes = [part["exitCode"] for part in row.get("containers", ()) if "exitCode" in part]
    return int(codes[0]) if codes else None


def _reason(row: Row) -> str:
    reasons = [part["reason"] for part in row.get("containers", ()) if part.get("reason")]
    return " ".join([*reasons, str(row.get("stoppedReason", ""))]).strip()
