"""Runs one-offs as containers of the machine's Docker Engine. The engine is the only truth."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from docker.errors import APIError, NotFound

from deployer.local import containers, errors, hijack, runs
from deployer.local.engine import Engine, explained, speaking, tolerating_gone
from deployer.local.hijack import Hijacked, Hooks
from deployer.local.output import Output
from deployer.local.remote_registry import pull
from deployer.local.rows import Row
from empire.events import Stream
from empire.manifest import OneOff, Run
from empire.names import AppName
from empire.platform import IsCancelled
from empire.settings import Settings

NAME_TAKEN = 409
KILLED = 137
STREAMS = "stream=1&stdin=1&stdout=1&stderr=1"


class DockerOneOffs:
    """The one-offs of one server on one Docker Engine.

    `before_remove` is called with each container that has ended, before it is removed.
    """

    def __init__(
        self, settings: Settings, before_remove: Callable[[str], None] | None = None
    ) -> None:
        self._settings = settings
        self._engine = Engine(settings)
        self._engine.before_remove = before_remove or self._engine.before_remove

    def create(self, one_off: OneOff) -> None:
        """Make its container, or leave the one that is there."""
        body = runs.creation(
            one_off,
            self._settings.instance,
            cores=self._engine.cores,
            grace_seconds=self._settings.stop_grace_seconds,
        )
        with speaking(f"create {one_off.name}"):
            try:
                self._made(body, one_off)
            except APIError as error:
                if error.status_code != NAME_TAKEN:
                    raise

    def _made(self, body: dict[str, Any], one_off: OneOff) -> None:
        name = self._container(one_off.app, one_off.name)
        try:
            self._engine.create(body, name)
        except NotFound:
            if "@" not in one_off.image:
                raise errors.image_gone(one_off.app) from None
            pull(self._engine, self._settings, one_off.image)
            self._engine.create(body, name)

    def start(self, app: AppName, name: str) -> None:
        """Start it, unless it was started before; raises NotFound, ReleaseFailed."""
        with speaking(f"start {name}"):
            if self._inspected(app, name)["State"]["Status"] != "created":
                return
            try:
                self._engine.api.start(self._container(app, name))
            except NotFound:
                raise errors.one_off_gone(name) from None
            except APIError as error:
                raise errors.one_off_cannot_run(name, explained(error)) from None

    def output(self, app: AppName, name: str, is_cancelled: IsCancelled) -> Stream[int]:
        """Yield its output from the first line on and return its exit status."""
        with speaking(f"follow {name}"):
            self._inspected(app, name)
            return (
                yield from Output(self._engine, self._container(app, name), name).follow(
                    is_cancelled
                )
            )

    def attach(self, app: AppName, name: str) -> Hijacked:
        """Take its streams, then start it."""
        container = self._container(app, name)
        has_terminal = bool(self._inspected(app, name)["Config"]["Tty"])
        path = f"/containers/{container}/attach?{STREAMS}"
        duplex = hijack.hijack(self._engine, path, None, has_terminal)
        duplex.hooks = Hooks(
            resize=lambda rows, columns: self._resize(container, rows, columns),
            status=lambda: self._status(container),
            end=lambda: None,
        )
        try:
            self.start(app, name)
        except BaseException:
            duplex.close()
            raise
        return duplex

    def remove(self, app: AppName, name: str = "") -> None:
        """Kill and forget one, or without a name all of the app."""
        with speaking(f"remove one-offs of {app}"):
            for row in self._rows(app, name):
                containers.remove(self._engine, row["Id"])

    def runs(self, app: AppName | None = None) -> list[Run]:
        """Return those that are there, of one app or of all, oldest first."""
        with speaking("list one-offs"):
            found = [self._seen(row) for row in self._rows(app)]
        return sorted((run for run in found if run), key=lambda run: run.dyno.started_at)

    def close(self) -> None:
        """Close the connections. One-offs run on."""
        self._engine.close()

    def _container(self, app: AppName, name: str) -> str:
        return runs.container_name(self._settings.instance, app, name)

    def _rows(self, app: AppName | None, name: str = "") -> list[Row]:
        filters = {"label": runs.labels_of(self._settings.instance, app, name)}
        rows: list[Row] = self._engine.api.containers(all=True, filters=filters)
        return rows

    def _seen(self, row: Row) -> Run | None:
        try:
            return runs.run_of(row, self._engine.api.inspect_container(row["Id"]))
        except NotFound:
            return None

    def _inspected(self, app: AppName, name: str) -> Row:
        with speaking(f"look at {name}"):
            try:
                found: Row = self._engine.api.inspect_container(self._container(app, name))
            except NotFound:
                raise errors.one_off_gone(name) from None
            return found

    def _resize(self, container: str, rows: int, columns: int) -> None:
        with suppress(APIError), tolerating_gone():
            self._engine.api.resize(container, rows, columns)

    def _status(self, container: str) -> int | None:
        """Return its exit status; that of a killed one where it is gone already."""
        try:
            state = self._engine.api.inspect_container(container)["State"]
        except NotFound:
            return KILLED
        return None if state["Status"] in ("created", "running") else int(state["ExitCode"])
