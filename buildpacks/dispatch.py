"""Sends an order to the engine, by BuildKit or by the classic builder, and follows it to its end."""

from contextlib import ExitStack

from buildpacks import errors, surroundings
from buildpacks.buildkit import Trace
from buildpacks.classic import Steps
from buildpacks.engine import Engine
from buildpacks.order import Order
from buildpacks.progress import Meter
from buildpacks.session import Session
from buildpacks.tree import Tree
from buildpacks.watch import Watch
from empire.errors import EmpireError
from empire.events import Stream
from empire.settings import Settings

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

    def send(self, order: Order, tree: Tree) -> Stream[tuple[str, str]]:
        """Yield the output; return the image's id and how much was cached.

        Raises BuildFailed, TimedOut, Cancelled, Unavailable.
        """
        self._watch.check()
        query = order.query(surroundings.build_arguments(self._settings))
        with ExitStack() as stack:
            if self._has_buildkit:
                session = stack.enter_context(Session(self._engine, order.secrets))
                query |= {"version": "2", "session": session.id, "buildid": session.id}
            else:
                query |= self._limits()
            call = self._engine.call("/build", query)
            stack.callback(call.close)
            self._watch.guards(call.cut)
            call.send(order.context(tree))
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
        return Trace(meter, memory) if self._has_buildkit else Steps(meter, memory)

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
