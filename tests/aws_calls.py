"""Counts what AWS is asked for each thing that people do, through all parts of a server."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from types import SimpleNamespace
from typing import Any, cast

import docker

from cli.aws_backend import AwsBackend
from empire.manifest import Image, Manifest
from empire.names import AppName, ImageRef
from empire.platform import Platform
from empire.settings import Settings
from empire.store import Store
from tests.conftest import build, quick
from tests.contracts.labs import Lab, manifest
from tests.fakeaws.simulator import Simulator
from tests.fakes import never
from tests.streams import result

APP = AppName("counted")
EAR = "ecs-events"
"""The thread that hears and lists for all apps together, whatever they do."""
CROWD, EACH = 1000, 3
DEPLOYS = 5
LIMITS = {
    "first deploy of web and worker": 8,
    "next deploy of both": 4,
    "the same again": 0,
    "scale web": 1,
    "scale both": 2,
    "rollback of both": 2,
    f"ps of {CROWD} apps without events": 60,
    "the control plane's own milliseconds of a deploy": 150,
}


@dataclass(frozen=True, slots=True)
class Count:
    """One scenario: its name, what was counted, what is allowed."""

    name: str
    value: float
    calls: tuple[str, ...] = ()

    @property
    def limit(self) -> int:
        """How much it may be."""
        return LIMITS[self.name]

    @property
    def is_over(self) -> bool:
        """Tell whether it is more than it may be."""
        return self.value > self.limit


class Counting:
    """A server's parts on a simulated account, and the calls that they make."""

    def __init__(self, settings: Settings, images: tuple[ImageRef, ImageRef]) -> None:
        self.calls: list[str] = []
        self._parts = ExitStack()
        store = Store(settings)
        self._parts.callback(store.close)
        store.migrate()
        self.backend = AwsBackend(settings, store, self._parts, self._note)
        self.platform = self.backend.platform(cast("Any", None), cast("Any", None))
        self.backend.begin()
        self.backend.watch(lambda _app: None)
        self.platform.scheduler.dynos()  # a server's first look is no part of any act
        self.images = tuple(self._pushed(image, n) for n, image in enumerate(images))

    def close(self) -> None:
        """Take the app away and close all parts."""
        self.platform.router.remove(APP)
        self.platform.scheduler.stop(APP)
        self.platform.registry.delete(APP, frozenset())
        self._parts.close()

    def manifest(self, deployment: int, image: int, web: int = 1, worker: int = 1) -> Manifest:
        """Return what shall run."""
        lab = cast("Lab", SimpleNamespace(image=self.images[image]))
        return manifest(lab, deployment, app=APP, web=web, worker=worker, A="1")

    def count(self, name: str, act: Callable[[], object]) -> Count:
        """Return how many calls the act makes."""
        self.calls.clear()
        act()
        calls = tuple(self.calls)
        return Count(name, len(calls), calls)

    def deploy(self, wanted: Manifest) -> None:
        """Bring the manifest to live, as the pipeline does."""
        targets = result(self.platform.scheduler.start(wanted, never))
        self.platform.router.switch(APP, wanted.hostnames, targets)
        self.platform.scheduler.retire(wanted)

    def _note(self, service: str, operation: str) -> None:
        if threading.current_thread().name != EAR:
            self.calls.append(f"{service}.{operation}")

    def _pushed(self, image: ImageRef, number: int) -> ImageRef:
        return result(self.platform.registry.push(APP, Image(image, {}), f"d{number}")).ref


def measured(
    simulator: Simulator, engine: docker.APIClient, image: ImageRef, home: Path
) -> list[Count]:
    """Return what each scenario costs."""
    account = {
        name.removeprefix("EMPIRE_").lower(): text for name, text in simulator.settings().items()
    }
    settings = quick(home).model_copy(update=account)
    other = build(engine, {"Dockerfile": f"FROM {image}\nLABEL other=1\n".encode()})
    counting = Counting(settings, (image, other))
    try:
        return [*_acts(counting), _own_time(counting), _crowd(simulator, settings)]
    finally:
        counting.close()
        engine.remove_image(other, force=True)


def _acts(counting: Counting) -> Iterator[Count]:
    first, second = counting.manifest(1, 0), counting.manifest(2, 1)
    yield counting.count("first deploy of web and worker", lambda: counting.deploy(first))
    yield counting.count("next deploy of both", lambda: counting.deploy(second))
    yield counting.count("the same again", lambda: counting.deploy(second))
    web = _scaled(counting.manifest(3, 1, web=2), (2, 3), (2,))
    yield counting.count("scale web", lambda: counting.deploy(web))
    both = _scaled(counting.manifest(4, 1, web=1, worker=2), (2,), (2, 4))
    yield counting.count("scale both", lambda: counting.deploy(both))
    yield counting.count("rollback of both", lambda: counting.deploy(counting.manifest(5, 0)))


def _scaled(wanted: Manifest, web: tuple[int, ...], worker: tuple[int, ...]) -> Manifest:
    processes = zip(wanted.processes, (web, worker), strict=True)
    return replace(
        wanted, processes=tuple(replace(process, starts=starts) for process, starts in processes)
    )


def _own_time(counting: Counting) -> Count:
    """Measure from the start of a deploy to its last request, and from the news to its end."""
    took = [_own_seconds(counting, number) for number in range(6, 6 + DEPLOYS)]
    return Count("the control plane's own milliseconds of a deploy", round(median(took) * 1000))


def _own_seconds(counting: Counting, number: int) -> float:
    # Without the worker: nobody tells that it is well, so its start is a time that passes.
    wanted = counting.manifest(number, number % 2, worker=0)
    with _moments(counting) as (asked, heard):
        began = time.monotonic()
        targets = result(counting.platform.scheduler.start(wanted, never))
        counting.platform.router.switch(APP, wanted.hostnames, targets)
        ended = time.monotonic()
    counting.platform.scheduler.retire(wanted)
    return (max(asked) - began) + (ended - max(heard))


@contextmanager
def _moments(counting: Counting) -> Iterator[tuple[list[float], list[float]]]:
    """Yield when ECS had answered requests for changes, and when news of a rollout or task came."""
    cluster = cast("Any", counting.platform.scheduler).cluster
    asked: list[float] = []
    heard: list[float] = []
    see = cluster.seen.see_rollout

    def hear(*news: str) -> None:
        heard.append(time.monotonic())
        see(*news)

    def note(**_: object) -> None:
        asked.append(time.monotonic())

    events = cluster.ecs.meta.events
    events.register("after-call.ecs.UpdateService", note)
    cluster.seen.see_rollout = hear
    try:
        yield asked, heard
    finally:
        cluster.seen.see_rollout = see
        events.unregister("after-call.ecs.UpdateService", note)


def _crowd(simulator: Simulator, settings: Settings) -> Count:
    """Count what a server asks that hears no events and looks for the first time."""
    cluster, ecs = "crowded", simulator.client("ecs")
    ecs.create_cluster(clusterName=cluster)
    family = "e-crowd_web"
    ecs.register_task_definition(
        family=family, networkMode="awsvpc", cpu="256", memory="512",
        requiresCompatibilities=["FARGATE"],
        containerDefinitions=[{"name": "web", "image": "example.com/crowd"}],
    )  # fmt: skip
    wish = {"cluster": cluster, "definition": family, "apps": CROWD, "each": EACH}
    simulator.ask("crowd", wish)
    deaf = settings.model_copy(
        update={"aws_cluster": cluster, "aws_event_queue": "", "home": settings.home / "deaf"}
    )
    with ExitStack() as parts:
        store = Store(deaf)
        parts.callback(store.close)
        store.migrate()
        calls: list[str] = []
        backend = AwsBackend(deaf, store, parts, lambda _, operation: calls.append(operation))
        platform: Platform = backend.platform(cast("Any", None), cast("Any", None))
        platform.scheduler.dynos()
        return Count(f"ps of {CROWD} apps without events", len(calls), tuple(calls))
