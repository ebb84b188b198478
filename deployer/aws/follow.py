"""The output of one task, line by line from its first to its last."""

import re
import threading
import time
from collections.abc import Callable
from dataclasses import replace

from deployer.aws import naming, run_errors
from deployer.aws.account import Account
from deployer.aws.run_record import Record
from deployer.aws.streams import Place, Stream
from empire import events
from empire.events import Line
from empire.platform import IsCancelled

SHORTEST_PAUSE, LONGEST_PAUSE = 0.1, 1.0
CHECK_SECONDS = 0.1
"""How often to look whether it was cancelled."""
LATE_SECONDS = 8.0
"""How long lines may come after the task's end: CloudWatch takes its time."""


class Follow:
    """Follows one one-off. `seen` tells how it is; it raises NotFound."""

    def __init__(self, account: Account, seen: Callable[[], Record]) -> None:
        self._account = account
        self._seen = seen
        self._stream: Stream | None = None
        self._last_heard = 0.0

    def lines(self, is_cancelled: IsCancelled) -> events.Stream[Record]:
        """Yield each line once and return the record with its end; raises Cancelled, NotFound."""
        pause, never = SHORTEST_PAUSE, threading.Event()
        while True:
            record = self._seen()
            found, status = self._new(record)
            for text in found:
                if is_cancelled():
                    raise run_errors.left(record.name)
                yield Line(text)
            if status is not None:
                return replace(record, exit_code=status, ended_at=record.ended_at or time.time())
            if record.ended_at and not found and time.time() > self._patient_until(record):
                return record
            pause = SHORTEST_PAUSE if found else min(pause * 1.5, LONGEST_PAUSE)
            until = time.monotonic() + pause
            while (left := until - time.monotonic()) > 0:
                if is_cancelled():
                    raise run_errors.left(record.name)
                never.wait(min(left, CHECK_SECONDS))

    def _new(self, record: Record) -> tuple[list[str], int | None]:
        """Return the lines that are new, and the exit status if it stands behind them."""
        if not record.task:
            return [], None
        if self._stream is None:
            place = Place(record.app, record.process, naming.id_of(record.task))
            self._stream = Stream(self._account, place)
        lines: list[str] = []
        while found := self._stream.more():
            for entry in found:
                text, is_end, rest = entry.text.partition(f"{record.mark} ")
                if is_end and (number := re.fullmatch(r"(\d+)\]\s*", rest)):
                    return [*lines, *([text] if text else [])], int(number[1])
                lines.append(entry.text.rstrip("\r\n"))
        return lines, None

    def _patient_until(self, record: Record) -> float:
        """Return until when lines may still come. What never ran writes none."""
        return record.ended_at + (0 if record.exit_code is None else LATE_SECONDS)
