"""The caches of builds: whose they are, and which go when they outgrow their budgets.

The engine's records do not say whose they are. A cache mount belongs to one app (its id is a secret
of that app), so it is the app's whose build alone ran when it was used last; that is written down.
So is when that was: the engine takes its own measuring of a mount's size for a use (20.10).
"""

import json
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import structlog

from buildpacks.disk import MIB, Disk, space
from buildpacks.engine import Engine
from buildpacks.watch import Watch
from empire.errors import EmpireError, Unavailable
from empire.files import write_whole
from empire.names import AppName
from empire.settings import Settings

FILE = "build-caches.json"
MOUNT = "exec.cachemount"
USAGE_SECONDS = 300.0
"""The engine's first look at a large cache takes minutes: it measures each record once."""
BUSY = "already running"
PRUNE_SECONDS = 60.0
"""How long one pruning may take; the rest waits for the next deployment."""
SHARE = 4
"""The cache holds at most this part of the disk: a quarter."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Record:
    """One entry of the engine's build cache. `used_at` is in seconds since 1970."""

    id: str
    size: int
    used_at: float
    is_used: bool
    is_mount: bool


class Use(NamedTuple):
    """Whose a cache mount is, and when a build used it last, in seconds since 1970."""

    app: AppName
    at: float


@dataclass(slots=True)
class Span:
    """When a build ran; `ended_at` is 0 while it does."""

    app: AppName
    began_at: float
    ended_at: float = 0.0

    def holds(self, moment: float) -> bool:
        """Tell whether the build ran then."""
        return self.began_at <= moment <= (self.ended_at or moment)


class Caches:
    """The build caches of one server's apps on one engine."""

    def __init__(self, engine: Engine, settings: Settings) -> None:
        self._engine = engine
        self._settings = settings
        self.file = settings.home / FILE
        self._spans: list[Span] = []
        self._lock = threading.Lock()

    @contextmanager
    def used_by(self, app: AppName) -> Iterator[None]:
        """Note that a build of the app runs; pruning that is under way ends."""
        span = Span(app, time.time())
        with self._lock:
            self._spans.append(span)
        try:
            yield
        finally:
            span.ended_at = time.time()

    def sizes(self, found: Sequence[Record]) -> dict[AppName, int]:
        """Return how many bytes of cache mounts are known to be whose."""
        sizes: dict[AppName, int] = {}
        uses = self._uses(found)
        for record in found:
            if use := uses.get(record.id):
                sizes[use.app] = sizes.get(use.app, 0) + record.size
        return sizes

    def tidy(self, place: Disk) -> None:
        """Remove what is over the budgets, least recently used first; stops when a build begins.

        May be cut off anywhere: the next call looks anew.
        """
        if self._is_building():
            return
        found = records(usage(self._engine))
        most = self._settings.build_cache_max_mib_per_app * MIB
        for record in over(found, self._uses(found), most):
            if not self._prune(f"{record.size} bytes of an app", {"id": [record.id]}):
                return
        total = sum(record.size for record in found)
        most = budget(total, self._settings.build_cache_max_mib * MIB, place)
        if total > most:
            self._prune(f"{total} bytes in all", {}, keep=most)

    def _prune(self, what: str, filters: dict[str, list[str]], keep: int = 0) -> bool:
        """Let the engine remove cache records; return whether it may go on."""
        query = {"filters": json.dumps(filters), "keep-storage": str(keep), "all": "1"}
        with Watch(self._is_building, PRUNE_SECONDS) as watch:
            call = self._engine.call("/build/prune", query)
            watch.guards(call.cut)
            try:
                call.send(())
                freed = sum(answer.get("SpaceReclaimed", 0) for answer in call.answer())
            except EmpireError as error:
                log.warning("build cache could not be pruned", why=str(error))
                return False
            finally:
                call.close()
        log.info("build cache pruned", because=what, freed_bytes=freed)
        return watch.verdict is None

    def _is_building(self) -> bool:
        with self._lock:
            return any(not span.ended_at for span in self._spans)

    def _uses(self, found: Sequence[Record]) -> dict[str, Use]:
        """Return whose each cache mount is and when it was used, and write down what is new."""
        with self._lock:
            known = self._read()
            there = {record.id for record in found if record.is_mount}
            uses = {id_: use for id_, use in known.items() if id_ in there}
            for record in found:
                running = {span.app for span in self._spans if span.holds(record.used_at)}
                if record.is_mount and record.id in uses and running:
                    uses[record.id] = uses[record.id]._replace(at=record.used_at)
                elif record.is_mount and len(running) == 1:
                    uses[record.id] = Use(running.pop(), record.used_at)
            self._spans = [span for span in self._spans if not span.ended_at]
            if uses != known:
                write_whole(self.file, json.dumps(uses).encode())
        return uses

    def _read(self) -> dict[str, Use]:
        try:
            found: dict[str, tuple[str, float]] = json.loads(self.file.read_bytes())
            return {id_: Use(AppName(app), at) for id_, (app, at) in found.items()}
        except (FileNotFoundError, ValueError):
            return {}


def over(found: Sequence[Record], uses: dict[str, Use], most: int) -> list[Record]:
    """Return the cache mounts that go so that no app has more than `most` bytes: the oldest."""
    held: dict[AppName, int] = {}
    gone = []
    owned = [record for record in found if record.id in uses]
    for record in sorted(owned, key=lambda record: -uses[record.id].at):
        app = uses[record.id].app
        held[app] = held.get(app, 0) + record.size
        if held[app] > most and not record.is_used:
            gone.append(record)
    return gone[::-1]


def budget(total: int, most: int, place: Disk) -> int:
    """Return how many bytes of cache may stay: less on a small disk, and on one that runs full.

    Builds are refused where less than the reserve is free; twice that is made free beforehand.
    """
    free, size = space(place.folders[0])
    lacking = (2 * place.reserve_mib - free) * MIB
    most = min(most, size * MIB // SHARE)
    return max(min(most, total - lacking), 1) if lacking > 0 else most


def usage(engine: Engine, seconds: float = USAGE_SECONDS) -> dict[str, Any]:
    """Return what the engine keeps. Raises Unavailable; waits while it counts for somebody else."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            found: dict[str, Any] = engine.get("/system/df", seconds)
        except Unavailable as error:
            if BUSY not in str(error.why) or time.monotonic() > deadline:
                raise
            time.sleep(0.5)
        else:
            return found


def records(found: dict[str, Any]) -> list[Record]:
    """Return the build cache in what the engine told."""
    return [
        Record(
            row["ID"],
            row["Size"],
            _seconds(row.get("LastUsedAt") or row["CreatedAt"]),
            row["InUse"],
            row["Type"] == MOUNT,
        )
        for row in found.get("BuildCache") or ()
    ]


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(f"{moment[:19]}+00:00").timestamp() + float(
        f"0{moment[19:].rstrip('Z')}" if moment[19:20] == "." else 0
    )
