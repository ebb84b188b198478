"""Carries a container's output to CloudWatch, as the awslogs driver does."""

from collections.abc import Iterable
from datetime import datetime
from operator import itemgetter

from tests.fakeaws import account
from tests.fakeaws.operations import Fields
from tests.fakeaws.secret_values import CannotStart
from tests.fakeaws.tasks import Task

MAX_BYTES = 256 * 1024


def open_stream(task: Task) -> str:
    """Make the task's log stream and return its name, empty without awslogs. Raises CannotStart."""
    options = _options(task)
    if not options:
        return ""
    group = options["awslogs-group"]
    name = f"{options['awslogs-stream-prefix']}/{task.definition.container['name']}/{task.id}"
    if group not in account.logs().groups and options.get("awslogs-create-group") == "true":
        account.logs().create_log_group(group, {})
    try:
        account.logs().create_log_stream(group, name)
    except Exception:  # noqa: BLE001  moto has many
        raise CannotStart(
            "ResourceInitializationError: failed to validate logger args: create stream has been "
            "retried 1 times: failed to create Cloudwatch log stream: ResourceNotFoundException: "
            "The specified log group does not exist."
        ) from None
    return name


def ship(task: Task, stream: str, output: Iterable[bytes]) -> None:
    """Write the output into the stream until it ends."""
    rest = b""
    for chunk in output:
        *lines, rest = (rest + chunk).split(b"\n")
        _send(task, stream, lines)
    _send(task, stream, [rest] if rest else [])


def _options(task: Task) -> dict[str, str]:
    log = task.definition.container.get("logConfiguration", {})
    options: dict[str, str] = log.get("options", {}) if log.get("logDriver") == "awslogs" else {}
    return options


def _event(line: bytes) -> Fields:
    spelled, _, text = line.partition(b" ")
    at = datetime.fromisoformat(spelled.decode()[:23] + "+00:00")
    message = text.decode(errors="replace").rstrip("\r") or " "
    return {"timestamp": int(at.timestamp() * 1000), "message": message[:MAX_BYTES]}


def _send(task: Task, stream: str, lines: list[bytes]) -> None:
    if stream and lines:
        events = sorted(map(_event, lines), key=itemgetter("timestamp"))
        account.logs().put_log_events(_options(task)["awslogs-group"], stream, events)
