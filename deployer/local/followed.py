"""One container whose log is read: from where on, and which of its lines are kept already."""

from collections import Counter
from typing import Any
from urllib.parse import urlencode

from deployer.local import records
from deployer.local.frames import Found, Frames
from deployer.local.logs import MARGIN_SECONDS, LocalLogs
from deployer.local.records import Record
from deployer.local.rows import name_of
from deployer.local.wire import Stream
from empire.names import AppName

ORIGIN_DIGITS = 12
SHORTEST_PAUSE, LONGEST_PAUSE = 0.02, 0.5


class Followed:
    """A container of a dyno. It is settled when it has ended and all that it wrote is kept."""

    def __init__(self, row: dict[str, Any], is_new: bool) -> None:
        self.id: str = row["Id"]
        self.app = AppName(row["Labels"]["empire.app"])
        self.dyno = name_of(row)
        self.stream: Stream | None = None
        self.is_settled = False
        self._is_new = is_new
        """Whether no earlier server can have kept lines of it."""
        self._is_ended = False
        self._is_fruitful = False
        self._pauses = 0
        self._newest = b""
        self._frames = Frames()
        self._known: Counter[bytes] = Counter()

    def open(self, address: str, logs: LocalLogs, *, is_ended: bool) -> Stream:
        """Begin to read after what is kept. Raises OSError."""
        begun_at = self._frames.begun_at
        self._known, self._frames = self._kept(logs), Frames()
        self._is_ended, self._is_fruitful = is_ended, False
        wish = {"follow": 1, "stdout": 1, "stderr": 1, "timestamps": 1} | self._since(
            logs, begun_at
        )
        self.stream = Stream(address, f"/containers/{self.id}/logs?{urlencode(wish)}")
        return self.stream

    def read(self) -> list[Record] | None:
        """Return what came and is not kept yet; None at the stream's end."""
        assert self.stream is not None
        received = self.stream.read()
        if received is None or self.stream.status not in (0, 200):
            return None
        return self._fresh(self._frames.feed(received)) if received else []

    def kept(self, found: list[Record]) -> None:
        """Remember that these are kept now."""
        self._newest = max(self._newest, *(one.stamp for one in found))
        self._is_fruitful = True

    def close(self) -> list[Record]:
        """End the reading; settle, and return a last line without end, if it was in vain.

        The end of a stream does not tell whether the dyno ended or the engine: only when the dyno
        had ended before, and there was nothing new to read, all is read.
        """
        assert self.stream is not None
        status, self.stream = self.stream.status, None
        self.is_settled = self._is_ended and not self._is_fruitful and status == 200
        return self._fresh(self._frames.rest()) if self.is_settled else []

    def pause(self) -> float:
        """Return how many seconds to wait before the next reading."""
        self._pauses = 0 if self._is_fruitful else self._pauses + 1
        return min(SHORTEST_PAUSE * 2**self._pauses, LONGEST_PAUSE) if self._pauses > 1 else 0

    def _fresh(self, found: Found) -> list[Record]:
        dyno, origin = self.dyno.encode(), self.id[:ORIGIN_DIGITS].encode()
        if self._known:
            found = [one for one in found if not self._is_known(one[0])]
        return [Record(stamp, b"app", dyno, origin, text) for stamp, text in found]

    def _is_known(self, stamp: bytes) -> bool:
        if not self._known[stamp]:
            return False
        self._known[stamp] -= 1
        return True

    def _kept(self, logs: LocalLogs) -> Counter[bytes]:
        if self._is_new and not self._newest:
            return Counter()
        origin = self.id[:ORIGIN_DIGITS].encode()
        return logs.known(self.app, self.dyno, origin, self._newest)

    def _since(self, logs: LocalLogs, begun_at: bytes) -> dict[str, str]:
        newest = max(self._known, default=self._newest)
        if newest:
            since = records.seconds(newest) - MARGIN_SECONDS
            since = min(since, records.seconds(begun_at)) if begun_at else since
        else:
            since = records.seconds(logs.oldest(self.app))
        return {"since": f"{since:.6f}"} if since > 0 else {}
