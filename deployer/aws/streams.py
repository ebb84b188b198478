"""The log streams of CloudWatch: how they are named, and what stands in one.

A container's output is in APP/PROCESS/TASK, as ECS's awslogs driver names it; what the platform
itself writes of an app is in APP/_empire/WRITER, which no process type can be called.
"""

from dataclasses import dataclass
from typing import Any

from deployer.aws.account import Account, speaking, tolerating

OURS = "_empire"
MISSING = "ResourceNotFoundException"


@dataclass(frozen=True, slots=True)
class Place:
    """Who writes into a stream: a task of a process type, or with OURS a part of the platform."""

    app: str
    process: str
    task: str

    def __str__(self) -> str:
        return f"{self.app}/{self.process}/{self.task}"

    @property
    def is_ours(self) -> bool:
        """Tell whether the platform itself writes there."""
        return self.process == OURS


def place_of(stream: str) -> Place | None:
    """Return who writes into the stream; None for one that is not ours."""
    parts = stream.split("/")
    return Place(*parts) if len(parts) == 3 else None


@dataclass(frozen=True, slots=True)
class Entry:
    """One event of a stream. `at` is in milliseconds since the epoch."""

    at: int
    text: str


class Stream:
    """One stream, read forward from its first event; it may not be there yet."""

    def __init__(self, account: Account, place: Place) -> None:
        self._logs = account.client("logs")
        self._where = {
            "logGroupName": account.settings.aws_log_group,
            "logStreamName": str(place),
        }
        self._token = ""

    def more(self) -> list[Entry]:
        """Return what is there after what was returned before; empty when nothing is yet."""
        wish: dict[str, Any] = {"nextToken": self._token} if self._token else {}
        answer: dict[str, Any] = {}
        with speaking("read output"), tolerating(MISSING):
            answer = self._logs.get_log_events(**self._where, startFromHead=True, **wish)
        self._token = answer.get("nextForwardToken", self._token)
        return _entries(answer)

    def last(self, lines: int) -> list[str]:
        """Return its last lines, oldest first."""
        answer: dict[str, Any] = {}
        with speaking("read output"), tolerating(MISSING):
            answer = self._logs.get_log_events(**self._where, startFromHead=False, limit=lines)
        return [entry.text for entry in _entries(answer)]


def _entries(answer: dict[str, Any]) -> list[Entry]:
    return [Entry(row["timestamp"], row["message"]) for row in answer.get("events", ())]
