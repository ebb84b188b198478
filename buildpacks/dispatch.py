"""Sends an order to the engine, by BuildKit or by the classic builder, and follows it to its end."""

from collections.abc import Iterable
from contextlib import ExitStack

import structlog

from buildpacks import errors, surroundings
from buildpacks.buildkit import Trace
from buildpacks.classic import Steps
from buildpacks.engine import Engine
from buildpacks.flood import Flood
from buildpacks.order import Order
from buildpacks.progress import Meter
from buildpacks.session import Session
from buildpacks.tree import Tree
from buildpacks.watch import Watch
from empire.errors import EmpireError
from empire.events import Stream
from empire.settings import Settings

log = structlog.get_logger()

PERIOD_MICROSECONDS = 100_000


class Dispatch:
    """One build's way to the engine; the watch may cut it off at any time."""

    def __init__(
        self, engine: Engine, settings: Settings, has_buildkit: bool, watch: Watch
    ) -> None:
        self._engine = engine
        self._settings = settings
        self._has_buildkit = has_buildkit
        self._watch = watch

    def check(self) -> None:
        """Raise Cancelled or TimedOut when the build has to end."""
        self._watch.check()

    def send(self, order: Order, tree: Tree) -> Stream[tuple[str, str]]:
        """Yield the output; return the image's id and how much was cached.

        Raises BuildFailed, TimedOut, Cancelled, Unavailable.
        """
        if not self._has_buildkit:
            return (yield from self._follow(order, self._limits(), order.context(tree)))
        offer = order.offer(tree, self._settings.home)
        shared = f"empire-{offer.stamps.lineage}"
        with Session(self._engine, order.secrets, offer, shared, order.keys) as session:
            about = {"version": "2", "session": session.id, "buildid": session.id}
            try:
                synchronised = about | {"remote": "client-session"}
                return (yield from self._follow(order, synchronised, ()))
            except EmpireError as error:
                if session.failure:
                    raise session.failure from None
                if session.has_synchronised or self._watch.verdict:
                    raise
                log.warning("the engine does not synchronise files", why=str(error))
        with Session(self._engine, order.secrets, keys=order.keys) as session:
            about = {"version": "2", "session": session.id, "buildid": session.id}
            return (yield from self._follow(order, about, order.context(tree)))

    def _follow(
        self, order: Order, how: dict[str, str], body: Iterable[bytes]
    ) -> Stream[tuple[str, str]]:
        self._watch.check()
        query = order.query(surroundings.build_arguments(self._settings)) | how
        with ExitStack() as stack:
            call = self._engine.call("/build", query)
            stack.callback(call.close)
            self._watch.guards(call.cut)
            call.send(body)
            progress = self._progress()
            try:
                image = yield from progress.follow(call.answer())
            except EmpireError:
                self._watch.check()
                raise
            self._watch.check()
        if not image:
            raise errors.connection_lost()
        return image, progress.summary()

    def _progress(self) -> Trace | Steps:
        meter = Meter(self._settings.build_output_max_mib)
        memory = self._settings.build_memory_mib
        if not self._has_buildkit:
            return Steps(meter, memory)
        flood = Flood(self._settings.build_output_max_mib)
        self._watch.asks(flood.breach)
        return Trace(meter, memory, flood)

    def _limits(self) -> dict[str, str]:
        """Return the limits that the classic builder puts on each step."""
        memory = str(self._settings.build_memory_mib << 20)
        return {
            "memory": memory,
            "memswap": memory,
            "cpuperiod": str(PERIOD_MICROSECONDS),
            "cpuquota": str(int(self._settings.build_cpus * PERIOD_MICROSECONDS)),
            "cpushares": "102",
        }
