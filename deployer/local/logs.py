"""What an app's dynos write, straight from the engine's logs, merged by time."""

from collections.abc import Iterator

from docker.errors import APIError

from deployer.local.engine import Engine, speaking
from deployer.local.following import Following
from deployer.local.places import labels_of
from deployer.local.rows import name_of
from deployer.local.stamped import Stamped, joined
from empire.manifest import LogLine
from empire.names import AppName
from empire.settings import Settings

QUIET_SECONDS = 1.0


class DockerLogs:
    """The logs of one server's dynos on one Docker Engine."""

    def __init__(self, settings: Settings) -> None:
        self._instance = settings.instance
        self._engine = Engine(settings)

    def recent(self, app: AppName, lines: int = 100) -> list[LogLine]:
        """Return the last lines of all dynos, oldest first."""
        return self._last(app, lines, {}) if lines > 0 else []

    def follow(self, app: AppName, lines: int = 100) -> Iterator[LogLine | None]:
        """Yield the last lines and then new ones, also of dynos that start later."""
        seen: dict[str, str] = {}
        last = self._last(app, max(1, lines), seen)
        yield from last[len(last) - min(lines, len(last)) :]
        following = Following(self._engine, labels_of(self._instance, app), seen)
        try:
            while True:
                yield following.next(QUIET_SECONDS)
        finally:
            following.close()

    def close(self) -> None:
        """Close the connections."""
        self._engine.close()

    def _last(self, app: AppName, lines: int, seen: dict[str, str]) -> list[LogLine]:
        """Return the last lines, and note in `seen` how far each container was read."""
        found: list[tuple[Stamped, str]] = []
        with speaking("read logs"):
            rows = self._engine.api.containers(
                all=True, filters={"label": labels_of(self._instance, app)}
            )
            for row in rows:
                tail = self._tail(row["Id"], lines)
                if tail:
                    seen[row["Id"]] = tail[-1].stamp
                found += [(one, name_of(row)) for one in tail]
        return [one.line(dyno) for one, dyno in sorted(found)[-lines:]]

    def _tail(self, container: str, lines: int) -> list[Stamped]:
        try:
            frames = self._engine.api.logs(
                container, stream=True, follow=False, timestamps=True, tail=lines
            )
            return list(joined(frames))
        except APIError:  # removed meanwhile
            return []
