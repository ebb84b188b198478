"""Runs dynos as containers of the machine's Docker Engine. The engine is the only truth."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TypeVar

from docker.errors import NotFound

from deployer.local import containers, errors, visits
from deployer.local.boot import Boot
from deployer.local.engine import Engine, speaking
from deployer.local.hijack import Hijacked
from deployer.local.places import labels_of, places
from deployer.local.rows import Row, deployment_of, dyno_of, needs_a_closer_look, refined
from deployer.local.watch import Watch
from empire.events import Line, Stream
from empire.manifest import Dyno, Manifest, Target
from empire.names import AppName
from empire.platform import IsCancelled
from empire.secrets import Secret
from empire.settings import Settings

T = TypeVar("T")

PARALLEL = 32
"""How many dynos of one call move at the same time."""
CANCEL_CHECK_SECONDS = 0.1
PATIENCE_SECONDS = 10.0
"""How long to wait in silence before saying what is waited for."""


class DockerScheduler:
    """The scheduler of one server on one Docker Engine.

    `is_published` tells whether web dynos are reached on a port of loopback; by default only where
    containers have no address that is reachable from here. `before_remove` is called with each
    container that has ended, before it is removed.
    """

    def __init__(
        self,
        settings: Settings,
        is_published: bool | None = None,
        before_remove: Callable[[str], None] | None = None,
    ) -> None:
        self._settings = settings
        self._engine = Engine(settings)
        self._engine.before_remove = before_remove or self._engine.before_remove
        self._watch = Watch(self._engine, settings.instance)
        self._publishing = is_published

    def start(self, manifest: Manifest, is_cancelled: IsCancelled) -> Stream[tuple[Target, ...]]:
        """Start the manifest's dynos beside what runs and return where its web dynos listen."""
        boots = self._boots(manifest)
        if not boots:
            return ()
        with ThreadPoolExecutor(min(len(boots), PARALLEL), "start") as pool:
            moving = {pool.submit(one.run): one for one in boots}
            try:
                return (yield from _follow(moving, is_cancelled, manifest.app))
            except BaseException:
                self._undo(moving)
                raise

    def keep(self, manifest: Manifest) -> None:
        """Let the engine start the manifest's dynos again whenever they end from now on."""
        _each(self._boots(manifest), Boot.keep)

    def retire(self, manifest: Manifest, spared: frozenset[str] = frozenset()) -> None:
        """Stop and remove the app's dynos that the manifest does not hold, but none that is newer."""
        old = [
            row["Id"]
            for row in self._list(manifest.app)
            if deployment_of(row) <= manifest.deployment
            and not manifest.holds(dyno_of(row))
            and row["Id"] not in spared
        ]
        self._watch.leaving(old)
        grace_seconds = self._settings.stop_grace_seconds
        with speaking(f"stop the old dynos of {manifest.app}"):
            _each(old, lambda container: containers.stop(self._engine, container, grace_seconds))

    def stop(self, app: AppName, deployment: int | None = None) -> None:
        """Stop and remove, without grace, the dynos of one deployment, or all of the app."""
        meant = [one["Id"] for one in self._list(app) if deployment in (None, deployment_of(one))]
        self._watch.leaving(meant)
        with speaking(f"stop {app}"):
            _each(meant, lambda container: containers.remove(self._engine, container))

    def dynos(self, app: AppName | None = None) -> list[Dyno]:
        """Return what runs now, of one app or of all."""
        with speaking("list containers"):
            found = [self._seen(one) for one in self._list(app)]
        return sorted(
            (dyno for dyno in found if dyno),
            key=lambda dyno: (dyno.app, dyno.deployment, dyno.process, dyno.index),
        )

    def enter(
        self, dyno: Dyno, command: str, env: dict[str, Secret], has_terminal: bool
    ) -> Hijacked:
        """Run a command in a running dyno and return its streams."""
        return visits.enter(self._engine, dyno, command, env, has_terminal)

    def end_visits(self) -> None:
        """End the commands in dynos that an earlier server left; nobody sees their output."""
        with speaking("look into dynos"):
            for row in self._list(None):
                visits.end_all(self._engine, row["Id"])

    def watch(self, on_change: Callable[[AppName], None]) -> None:
        """Call back, from a thread, with each app of which a container started or ended."""
        self._watch.on_change(on_change)

    def close(self) -> None:
        """End the watch and the connections. Dynos run on."""
        self._watch.close()
        self._engine.close()

    @property
    def _is_published(self) -> bool:
        if self._publishing is None:
            self._publishing = not self._engine.has_reachable_bridge
        return self._publishing

    def _boots(self, manifest: Manifest) -> list[Boot]:
        return [
            Boot(self._engine, self._watch, self._settings, place, self._is_published)
            for place in places(manifest)
        ]

    def _undo(self, moving: dict[Future[Target | None], Boot]) -> None:
        """Remove what a start began, also what its threads are just about to create."""
        for one in moving.values():
            one.halt()
        _each(list(moving.values()), Boot.remove)
        wait(moving)
        _each(list(moving.values()), Boot.remove)

    def _list(self, app: AppName | None) -> list[Row]:
        with speaking("list containers"):
            found: list[Row] = self._engine.api.containers(
                all=True, filters={"label": labels_of(self._settings.instance, app)}
            )
            return found

    def _seen(self, row: Row) -> Dyno | None:
        """Return the dyno of a listed container; None when it is gone meanwhile."""
        seen = dyno_of(row)
        if not needs_a_closer_look(row, self._settings.start_seconds):
            return seen
        try:
            return refined(seen, self._engine.api.inspect_container(row["Id"]))
        except NotFound:
            return None


def _follow(
    moving: dict[Future[Target | None], Boot], is_cancelled: IsCancelled, app: AppName
) -> Stream[tuple[Target, ...]]:
    """Tell who came up, until all are; raises what stopped the first that failed."""
    waiting = dict(moving)
    yield Line(f"Starting {enumerated([one.place.dyno for one in waiting.values()])}")
    said_at = time.monotonic()
    while waiting:
        done, _ = wait(waiting, CANCEL_CHECK_SECONDS, FIRST_COMPLETED)
        for future in done:
            future.result()
            yield Line(f"{waiting.pop(future).told()}")
        if is_cancelled():
            raise errors.cancelled(app)
        if waiting and time.monotonic() - said_at > PATIENCE_SECONDS:
            said_at = time.monotonic()
            yield Line(f"Still waiting for {enumerated([one.told() for one in waiting.values()])}")
    return tuple(found for found in (future.result() for future in moving) if found)


def enumerated(names: Sequence[str], limit: int = 6) -> str:
    """Return the names as a person would say them, the many cut short."""
    if len(names) > limit:
        return f"{', '.join(names[:limit])} and {len(names) - limit} more"
    return " and ".join(part for part in (", ".join(names[:-1]), names[-1]) if part)


def _each(things: Sequence[T], act: Callable[[T], None]) -> None:
    """Do it to all at once, to the end; then raise the first failure, if any."""
    if not things:
        return
    with ThreadPoolExecutor(min(len(things), PARALLEL), "each") as pool:
        for future in [pool.submit(act, thing) for thing in things]:
            future.result()
