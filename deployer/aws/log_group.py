"""The calls to CloudWatch Logs for the lines of apps, within its limits; all are bounded."""

from collections.abc import Iterator, Sequence
from typing import Any

from deployer.aws import log_lines
from deployer.aws.account import Account, speaking, tolerating
from deployer.aws.log_lines import Found, Names
from deployer.aws.streams import MISSING
from empire.manifest import LogLine

PAGE_LINES = 10_000
BATCH_LINES, BATCH_BYTES = 10_000, 1_000_000
"""What one PutLogEvents takes: 10,000 events, and 1 MiB with 26 bytes for each."""
EVENT_BYTES = 26


class LogGroup:
    """The log group of all apps."""

    def __init__(self, account: Account, names: Names) -> None:
        self._account = account
        self._group = account.settings.aws_log_group
        self._names = names

    def pages(self, prefix: str, begin: int, end: int) -> Iterator[list[Found]]:
        """Yield the lines of the streams from one millisecond up to before another, by time.

        A page may be empty: CloudWatch goes through what is there in its own steps.
        """
        wish: dict[str, Any] = {
            "logGroupName": self._group,
            "logStreamNamePrefix": prefix,
            "startTime": max(0, begin),
            "endTime": end - 1,
            "limit": PAGE_LINES,
            "interleaved": True,
        }
        while True:
            answer: dict[str, Any] = {}
            with speaking("read logs"), tolerating(MISSING):
                answer = self._client.filter_log_events(**wish)
            rows = [row for row in answer.get("events", ()) if _is_wished(row, prefix)]
            yield [one for row in rows if (one := log_lines.found(row, self._names))]
            if not answer.get("nextToken"):
                return
            wish["nextToken"] = answer["nextToken"]

    def put(self, stream: str, lines: Sequence[LogLine]) -> None:
        """Write lines into the stream, making it where it is missing."""
        events = sorted(map(log_lines.event, lines), key=lambda event: int(event["timestamp"]))
        for batch in _batches(events):
            where = {"logGroupName": self._group, "logStreamName": stream}
            with speaking("write logs"):
                try:
                    self._client.put_log_events(**where, logEvents=batch)
                except self._client.exceptions.ResourceNotFoundException:
                    with tolerating("ResourceAlreadyExistsException"):
                        self._client.create_log_stream(**where)
                    self._client.put_log_events(**where, logEvents=batch)

    def delete(self, prefix: str) -> None:
        """Delete the streams whose names begin so."""
        pages = self._client.get_paginator("describe_log_streams").paginate(
            logGroupName=self._group, logStreamNamePrefix=prefix
        )
        with speaking("remove logs"), tolerating(MISSING):
            for name in [row["logStreamName"] for page in pages for row in page["logStreams"]]:
                with tolerating(MISSING):
                    self._client.delete_log_stream(logGroupName=self._group, logStreamName=name)

    @property
    def _client(self) -> Any:
        return self._account.client("logs")


def _is_wished(row: dict[str, Any], prefix: str) -> bool:
    return str(row["logStreamName"]).startswith(prefix)


def _batches(events: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    batch: list[dict[str, Any]] = []
    size = 0
    for event in events:
        length = len(event["message"].encode()) + EVENT_BYTES
        if batch and (size + length > BATCH_BYTES or len(batch) == BATCH_LINES):
            yield batch
            batch, size = [], 0
        batch.append(event)
        size += length
    if batch:
        yield batch
