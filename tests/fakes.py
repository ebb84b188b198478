"""One fake per port: dicts in memory that keep the port's contract.

Each is scriptable: `fail(method, error)` makes the next calls raise, `hold(method)` makes them wait
until the returned event is set (or until the caller cancels), `calls` records what was asked.
"""

import hashlib
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from empire.disk import Images, Space
from empire.errors import Cancelled, StartFailed
from empire.events import Line, Stage, Stream
from empire.logs import LogFilter
from empire.manifest import UNBUILT, Dyno, Image, LogLine, Manifest, Process, Source, Target
from empire.names import AppName, Hostname, ImageName, ImageRef, ProcessType
from empire.platform import EVERYTHING, NOTHING, IsCancelled, Known, nothing_known
from empire.secrets import Secret
from tests.fake_duplex import FakeDuplex, shell
from tests.waiting import PATIENCE_SECONDS


def never() -> bool:
    """Tell that nobody cancelled."""
    return False


class Scripted:
    """What all fakes can be told to do."""

    def __init__(self) -> None:
        self.calls: list[tuple[object, ...]] = []
        self._failures: dict[str, deque[Exception]] = {}
        self._gates: dict[str, threading.Event] = {}
        self._changed = threading.Condition()

    def fail(self, method: str, error: Exception, times: int = 1) -> None:
        """Make the next calls of the method raise the error."""
        self._failures.setdefault(method, deque()).extend([error] * times)

    def hold(self, method: str) -> threading.Event:
        """Make every call of the method wait until the returned event is set."""
        return self._gates.setdefault(method, threading.Event())

    def called(self, method: str) -> list[tuple[object, ...]]:
        """Return the arguments of the method's calls so far."""
        return [call[1:] for call in list(self.calls) if call[0] == method]

    def wait_for(self, method: str, times: int = 1, seconds: float = PATIENCE_SECONDS) -> None:
        """Return when the method was called so often; raises AssertionError when it was not."""
        with self._changed:
            came = self._changed.wait_for(lambda: len(self.called(method)) >= times, seconds)
        assert came, f"{method} was called {len(self.called(method))} times, not {times}"

    def _play(self, method: str, *arguments: object, is_cancelled: IsCancelled = never) -> None:
        with self._changed:
            self.calls.append((method, *arguments))
            self._changed.notify_all()
        self._wait(method, is_cancelled)
        if failures := self._failures.get(method):
            raise failures.popleft()

    def _wait(self, method: str, is_cancelled: IsCancelled) -> None:
        gate = self._gates.get(method)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not is_cancelled():
            if gate is None or gate.wait(0.005):
                return
            assert time.monotonic() < deadline, f"{method} was never released"
        raise Cancelled("The fake was cancelled.")


class FakeBuilder(Scripted):
    """A builder whose image is named by the source's tree; `image` is what else it says of it.

    With `has_keys` it knows equal trees again.
    """

    def __init__(self) -> None:
        super().__init__()
        self.image = Image(image_ref("nothing"), {ProcessType("web"): ""}, buildpack="Fake")
        self.output: list[str] = ["Step 1 of 1"]
        self.disk = Space({}, 125_000_000, 30_000, 54_000_000_000, 252_000_000_000)
        self.config: dict[str, Secret] = {}
        self.has_keys = False
        self.fresh: list[str] = []

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
        self.config = dict(config)
        key = f"key of {source.tree}" if self.has_keys else ""
        yield Stage(f"Building with {self.image.buildpack}")
        if is_fresh:
            self.fresh.append(build)
        elif same := known(key):
            yield Stage(f"Nothing changed since {same[0]}: its image is used")
            return same[1]
        for text in self.output:
            yield Line(text)
        self._play("build", source, build, is_cancelled=is_cancelled)
        return replace(self.image, ref=image_ref(source.tree), key=key)

    def forecast(
        self,
        source: Source,
        is_cancelled: IsCancelled,
        config: Mapping[str, Secret] = NOTHING,
        known: Known = nothing_known,
    ) -> Stream[Image]:
        self.config = dict(config)
        yield Stage(f"Building with {self.image.buildpack}")
        self._play("forecast", source, is_cancelled=is_cancelled)
        if same := known(f"key of {source.tree}"):
            yield Stage(f"Nothing changed since {same[0]}: its image would be used")
            return same[1]
        return replace(self.image, ref=UNBUILT)

    def take(self, name: ImageName, is_cancelled: IsCancelled) -> Stream[tuple[Image, str]]:
        yield Stage(f"Deploying the image {name}")
        self._play("take", name, is_cancelled=is_cancelled)
        maker, _, of_ours = name.partition("/")
        return replace(self.image, ref=image_ref(name)), maker if of_ours else ""

    def remove(self, app: AppName) -> None:
        self._play("remove", app)

    def space(self, apps: Sequence[AppName]) -> Space:
        self._play("space", apps)
        return replace(
            self.disk, apps={app: Images(2, 5_000_000, 120_000_000, 30_000) for app in apps}
        )

    def tidy(self) -> None:
        self._play("tidy")


class FakeRegistry(Scripted):
    """A registry that keeps image names by app."""

    def __init__(self) -> None:
        super().__init__()
        self.images: dict[AppName, set[ImageRef]] = {}

    def push(self, app: AppName, image: Image, version_tag: str) -> Stream[Image]:
        self._play("push", app, image, version_tag)
        self.images.setdefault(app, set()).add(image.ref)
        return image
        yield  # a generator that has nothing to say

    def exists(self, ref: ImageRef) -> bool:
        self._play("exists", ref)
        return any(ref in refs for refs in self.images.values())

    def delete(self, app: AppName, keep: frozenset[ImageRef]) -> None:
        self._play("delete", app, keep)
        self.images[app] = self.images.get(app, set()) & keep


class FakeScheduler(Scripted):
    """A scheduler of imaginary dynos.

    The config var BEHAVE plays the part of the test app: "exit:3" ends at once with that code,
    "silent" never answers; anything else is healthy at once.
    """

    def __init__(self) -> None:
        super().__init__()
        self.running: dict[str, Dyno] = {}
        self._lock = threading.Lock()
        self._addresses = 0

    def start(self, manifest: Manifest, is_cancelled: IsCancelled) -> Stream[tuple[Target, ...]]:
        started: list[str] = []
        try:
            yield Line(f"Starting {sum(process.quantity for process in manifest.processes)} dynos")
            started = [dyno.id for dyno in self._missing(manifest)]
            self._play("start", manifest, is_cancelled=is_cancelled)
            self._behave(manifest)
        except Exception:
            self._forget(lambda dyno: dyno.id in started)
            raise
        mine = [dyno for dyno in self.dynos(manifest.app) if manifest.holds(dyno)]
        return tuple(dyno.target for dyno in mine if dyno.target)

    def keep(self, manifest: Manifest) -> None:
        self._play("keep", manifest)
        mine = [dyno for dyno in self.dynos(manifest.app) if manifest.holds(dyno)]
        if len(mine) < len(manifest.places()) or "crashed" in {dyno.state for dyno in mine}:
            raise StartFailed("A dyno ended when it was just up.")
        self._update(manifest, state="up")

    def retire(self, manifest: Manifest, spared: frozenset[str] = frozenset()) -> None:
        self._play("retire", manifest)
        self._forget(
            lambda dyno: (
                dyno.app == manifest.app
                and dyno.deployment <= manifest.deployment
                and not manifest.holds(dyno)
                and dyno.id not in spared
            )
        )

    def stop(self, app: AppName, deployment: int | None = None) -> None:
        self._play("stop", app, deployment)
        self._forget(lambda dyno: dyno.app == app and deployment in (None, dyno.deployment))

    def dynos(self, app: AppName | None = None) -> list[Dyno]:
        with self._lock:
            return [dyno for dyno in self.running.values() if app in (None, dyno.app)]

    def enter(
        self, dyno: Dyno, command: str, env: dict[str, Secret], has_terminal: bool
    ) -> FakeDuplex:
        self._play("enter", dyno, command, has_terminal)
        return FakeDuplex(shell(command, env, is_attached=True))

    def crash(self, dyno: Dyno, exit_code: int = 1) -> None:
        """Let a running dyno crash."""
        with self._lock:
            self.running[dyno.id] = replace(dyno, state="crashed", exit_code=exit_code, target=None)

    def _missing(self, manifest: Manifest) -> list[Dyno]:
        with self._lock:
            wanted = [self._dyno(manifest, *place) for place in manifest.places()]
            missing = [dyno for dyno in wanted if dyno.id not in self.running]
            self.running.update({dyno.id: dyno for dyno in missing})
            return missing

    def _dyno(self, manifest: Manifest, process: Process, index: int, start: int) -> Dyno:
        self._addresses += 1
        return Dyno(
            app=manifest.app,
            process=process.type,
            index=index,
            version=manifest.version,
            deployment=start,
            state="starting",
            command=process.command,
            size=process.size.name,
            started_at=time.time(),
            id=f"{manifest.app}-d{start}-{process.type}-{index}",
            target=Target(f"10.0.0.{self._addresses}", 8080) if process.is_routed else None,
        )

    def _behave(self, manifest: Manifest) -> None:
        behaviour = manifest.env["BEHAVE"].reveal() if "BEHAVE" in manifest.env else ""
        if behaviour.startswith("exit:"):
            raise StartFailed(f"It exited with code {behaviour[5:]}.", why="going down")
        if behaviour == "silent":
            raise StartFailed("web.1 did not answer in time.", why="no answer")

    def _update(self, manifest: Manifest, state: str) -> None:
        with self._lock:
            for id_, dyno in self.running.items():
                if dyno.app == manifest.app and manifest.holds(dyno):
                    self.running[id_] = replace(dyno, state=state)

    def _forget(self, is_meant: Callable[[Dyno], bool]) -> None:
        with self._lock:
            self.running = {id_: dyno for id_, dyno in self.running.items() if not is_meant(dyno)}


class FakeRouter(Scripted):
    """A router whose table is a dict."""

    def __init__(self) -> None:
        super().__init__()
        self.routes: dict[AppName, tuple[tuple[Hostname, ...], tuple[Target, ...]]] = {}

    def switch(
        self,
        app: AppName,
        hostnames: tuple[Hostname, ...],
        targets: tuple[Target, ...],
        in_maintenance: bool = False,
    ) -> None:
        self._play("switch", app, hostnames, targets)
        self.routes[app] = (hostnames, () if in_maintenance else targets)

    def drain(self, targets: tuple[Target, ...]) -> None:
        self._play("drain", targets)

    def remove(self, app: AppName) -> None:
        self._play("remove", app)
        self.routes.pop(app, None)

    def url(self, hostname: Hostname) -> str:
        return f"http://{hostname}:8080"


class FakeLogs(Scripted):
    """Logs in memory; a position is a number of lines."""

    def __init__(self) -> None:
        super().__init__()
        self.written: dict[AppName, list[LogLine]] = {}

    def write(self, app: AppName, lines: Sequence[LogLine]) -> None:
        with self._changed:
            kept = self.written.setdefault(app, [])
            kept += [replace(line, position=len(kept) + n) for n, line in enumerate(lines, 1)]

    def recent(
        self, app: AppName, lines: int = 100, wish: LogFilter = EVERYTHING
    ) -> tuple[list[LogLine], int]:
        self._play("recent", app, lines, wish)
        kept = self._lines(app)
        wanted = [line for line in kept if wish.holds(line)]
        return wanted[-lines:] if lines > 0 else [], len(kept)

    def read(
        self, app: AppName, position: int, wish: LogFilter = EVERYTHING
    ) -> tuple[list[LogLine], int]:
        self._play("read", app, position, wish)
        fresh = self._lines(app)[position:]
        return [line for line in fresh if wish.holds(line)], position + len(fresh)

    def end(self, app: AppName) -> int:
        return len(self._lines(app))

    def remove(self, app: AppName) -> None:
        self._play("remove", app)
        self.written.pop(app, None)

    def _lines(self, app: AppName) -> list[LogLine]:
        with self._changed:
            return list(self.written.get(app, []))


def image_ref(seed: str) -> ImageRef:
    """Return the same image name for the same seed."""
    return ImageRef(f"sha256:{hashlib.sha256(seed.encode()).hexdigest()}")
