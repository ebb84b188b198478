"""The ports: what the platform needs from the outside. Each has a fake, a contract suite, and adapters."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

from empire.actors import Actor
from empire.disk import Space
from empire.events import Stream
from empire.logs import LogFilter
from empire.manifest import Dyno, Image, LogLine, Manifest, OneOff, Run, Source, Target
from empire.names import AppName, Hostname, ImageName, ImageRef
from empire.secrets import Secret

IsCancelled = Callable[[], bool]
"""Asked often by long work; true means stop at once, clean up, and raise Cancelled."""

EVERYTHING = LogFilter()
NOTHING: Mapping[str, Secret] = MappingProxyType({})

Known = Callable[[str], tuple[str, Image] | None]
"""Given a build's key, returns the image that an equal build made, if it is still there, and since
which release nothing changed."""


def nothing_known(key: str) -> None:
    """Know no image of any key."""


class Sources(Protocol):
    """Where pushed commits are kept: in quarantine until they are live, then in the app's repository.

    Every method may be called twice with the same arguments.
    """

    def unpack(self, app: AppName, packed: Path, message: str, by: Actor) -> Source:
        """Return the source of a .tar.gz archive, in quarantine: a commit by that person.

        Raises InvalidInput, TooMuch.
        """
        ...

    def land(self, source: Source, ref: str) -> None:
        """Keep the source's objects for good and let `ref` name its commit."""
        ...

    def drop(self, source: Source) -> None:
        """Forget the objects of a source that never went live."""
        ...

    def remove(self, app: AppName) -> None:
        """Forget the app's repository."""
        ...


class Builder(Protocol):
    """Turns sources into images."""

    def build(
        self,
        source: Source,
        build: str,
        is_cancelled: IsCancelled,
        config: Mapping[str, Secret] = NOTHING,
        known: Known = nothing_known,
        *,
        is_fresh: bool = False,
    ) -> Stream[Image]:
        """Yield the build's output and return the image.

        Of the config vars a build sees those that the app names for it. `build` names this
        attempt; asked again with the same name after a crash, what the first attempt left behind
        is cleaned up or used. What is known is not built again. A fresh build uses no cache and
        nothing that is known. Raises BuildFailed, TimedOut, Cancelled.
        """
        ...

    def forecast(
        self,
        source: Source,
        is_cancelled: IsCancelled,
        config: Mapping[str, Secret] = NOTHING,
        known: Known = nothing_known,
    ) -> Stream[Image]:
        """Yield what a build would do and return the image it would make; nothing is built.

        The image is the known one, or UNBUILT. Raises what `build` raises before it builds.
        """
        ...

    def remove(self, app: AppName) -> None:
        """Forget what builds of the app left for the next one."""
        ...

    def space(self, apps: Sequence[AppName]) -> Space:
        """Return what builds and images take up on the disk, of each of these apps. Slow: seconds."""
        ...

    def tidy(self) -> None:
        """Bring what builds left for the next ones back to its budget, unless a build runs."""
        ...

    def take(self, name: ImageName, is_cancelled: IsCancelled) -> Stream[tuple[Image, str]]:
        """Return an image that is there already, pinned, and the app it was built for here, if any.

        Raises BuildFailed, Cancelled, Unavailable.
        """
        ...


class Registry(Protocol):
    """Where images are kept."""

    def push(self, app: AppName, image: Image, version_tag: str) -> Stream[Image]:
        """Store the image under the app's name; return it named by what the scheduler can pull."""
        ...

    def exists(self, ref: ImageRef) -> bool:
        """Tell whether the image can still be started."""
        ...

    def delete(self, app: AppName, keep: frozenset[ImageRef]) -> None:
        """Delete the app's images but those to keep."""
        ...


class Scheduler(Protocol):
    """Runs processes. Containers, tasks: dynos. Look first, then act: any call may be repeated."""

    def start(self, manifest: Manifest, is_cancelled: IsCancelled) -> Stream[tuple[Target, ...]]:
        """Start the manifest's dynos beside what runs and return where its web dynos listen.

        Yields what it waits for. Returns when every dyno is healthy. Raises StartFailed with exit
        code, probe results and last log lines, TimedOut, or Cancelled; then nothing that it started
        is left. A dyno that ends later is started again only after `keep`.
        """
        ...

    def keep(self, manifest: Manifest) -> None:
        """Start the manifest's dynos again whenever they end from now on.

        Does nothing to those that are kept already, and nothing at all on a platform that keeps what
        it starts from the first. Raises StartFailed when one of them ended before.
        """
        ...

    def retire(self, manifest: Manifest, spared: frozenset[str] = frozenset()) -> None:
        """Stop and remove the app's dynos that the manifest does not hold, but none that is newer.

        Newer is what a later deployment than the manifest's started. Each gets SIGTERM, then its
        grace, then SIGKILL. `spared` are the ids of dynos that another call will stop, when they
        have finished their work; a scheduler that lets dynos finish by itself needs no such list.
        """
        ...

    def stop(self, app: AppName, deployment: int | None = None) -> None:
        """Stop and remove, without grace, the dynos of one deployment, or all of the app."""
        ...

    def dynos(self, app: AppName | None = None) -> list[Dyno]:
        """Return what runs now, of one app or of all."""
        ...

    def enter(
        self, dyno: Dyno, command: str, env: dict[str, Secret], has_terminal: bool
    ) -> "Duplex":
        """Run a command in a running dyno and return its streams. Raises NotFound, Unavailable."""
        ...


class Duplex(Protocol):
    """The standard streams of a command, live. Reading and writing may be in different threads."""

    def read(self) -> tuple[int, bytes] | None:
        """Return what it wrote next and where (1 stdout, 2 stderr); None when no more will come.

        Who does not read holds the command up: nothing is kept in memory.
        """
        ...

    def write(self, content: bytes) -> None:
        """Give it input; waits until it is taken. Raises OSError where nobody reads any more."""
        ...

    def end_input(self) -> None:
        """Let it see the end of its input."""
        ...

    def resize(self, rows: int, columns: int) -> None:
        """Tell it the size of its terminal."""
        ...

    def wait(self) -> int:
        """Return its exit status when it ended."""
        ...

    def close(self) -> None:
        """Let go, waking who reads or writes. A command in a dyno is ended by it."""
        ...


class OneOffs(Protocol):
    """Runs single commands beside the formation: of the release phase, of `empire run`."""

    def create(self, one_off: OneOff) -> None:
        """Make it ready, but do not start it. One of the same name is left as it is."""
        ...

    def start(self, app: AppName, name: str) -> None:
        """Start it, unless it was started before.

        Raises NotFound when there is none (any more), ReleaseFailed when it cannot run.
        """
        ...

    def output(self, app: AppName, name: str, is_cancelled: IsCancelled) -> Stream[int]:
        """Yield its output from the first line on and return its exit status.

        May be called again, also after it ended. Raises NotFound; Cancelled, and then it runs on.
        """
        ...

    def attach(self, app: AppName, name: str) -> Duplex:
        """Start it and return its streams. Raises NotFound, ReleaseFailed."""
        ...

    def remove(self, app: AppName, name: str = "") -> None:
        """Kill and forget one, or without a name all of the app."""
        ...

    def runs(self, app: AppName | None = None) -> list[Run]:
        """Return those that are ready, run, or ended and were not removed, of one app or of all."""
        ...


class Router(Protocol):
    """Brings requests to dynos."""

    def switch(
        self,
        app: AppName,
        hostnames: tuple[Hostname, ...],
        targets: tuple[Target, ...],
        in_maintenance: bool = False,
    ) -> None:
        """Send the hostnames' requests to these targets and to no other; return when it is seen so.

        In maintenance every request gets a page, and the targets get none.
        """
        ...

    def drain(self, targets: tuple[Target, ...]) -> None:
        """Return when no request is in flight to these targets, or the drain time is over."""
        ...

    def remove(self, app: AppName) -> None:
        """Forget the app."""
        ...

    def url(self, hostname: Hostname) -> str:
        """Return the address under which a person reaches the hostname."""
        ...


class Logs(Protocol):
    """What an app's dynos, the router and the platform itself wrote of the app, bounded in size."""

    def write(self, app: AppName, lines: Sequence[LogLine]) -> None:
        """Add lines of the platform at the log's end."""
        ...

    def recent(
        self, app: AppName, lines: int = 100, wish: LogFilter = EVERYTHING
    ) -> tuple[list[LogLine], int]:
        """Return the last lines that are wished, oldest first, and where the log goes on after them."""
        ...

    def read(
        self, app: AppName, position: int, wish: LogFilter = EVERYTHING
    ) -> tuple[list[LogLine], int]:
        """Return wished lines from a position on and where to go on; waits for none.

        At most so many as fit into memory easily: the end is where the position does not grow any
        more. What is no longer kept is left out.
        """
        ...

    def end(self, app: AppName) -> int:
        """Return where the log ends now; so it is cheap to see whether anything was written."""
        ...

    def remove(self, app: AppName) -> None:
        """Forget the app's log."""
        ...


@dataclass(frozen=True, slots=True)
class Platform:
    """One of each port, tied together by cli.serve."""

    sources: Sources
    builder: Builder
    registry: Registry
    scheduler: Scheduler
    router: Router
    logs: Logs
    one_offs: OneOffs
