"""What a contract suite needs of each adapter: the port itself, and hands to make things happen."""

from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import quote

import docker
import httpx

from deployer.local.collector import Collector
from deployer.local.logs import LocalLogs
from deployer.local.one_offs import DockerOneOffs
from deployer.local.registry import LocalRegistry
from deployer.local.scheduler import DockerScheduler
from empire.manifest import Dyno, LogLine, Manifest, Process, Size, Target
from empire.names import AppName, Hostname, ImageRef, ProcessType
from empire.platform import Logs, OneOffs, Registry, Scheduler
from empire.secrets import Secret
from empire.settings import Settings
from tests.conftest import build, remove_containers
from tests.fake_one_offs import FakeOneOffs
from tests.fakes import FakeLogs, FakeRegistry, FakeScheduler, image_ref, never
from tests.streams import result

SMALL = Size("1X", 0.5, 128)


class Lab(Protocol):
    """One set of adapters. An adapter joins the suites by a lab of its own in conftest."""

    @property
    def scheduler(self) -> Scheduler: ...
    @property
    def registry(self) -> Registry: ...
    @property
    def logs(self) -> Logs: ...
    @property
    def one_offs(self) -> OneOffs: ...
    @property
    def image(self) -> ImageRef: ...

    def answers(self, target: Target) -> bool:
        """Tell whether the sample app answers there."""
        ...

    def say(self, dyno: Dyno, text: str) -> None:
        """Let a running dyno of the sample app write a line."""
        ...

    def new_image(self, app: AppName) -> ImageRef:
        """Return an image of the app that a build has just made."""
        ...

    def close(self) -> None:
        """Remove all that is left."""
        ...


def manifest(
    lab: Lab,
    deployment: int = 1,
    *,
    app: str = "sample",
    web: int = 1,
    worker: int = 0,
    command: str = "",
    health_path: str | None = None,
    size: Size = SMALL,
    image: ImageRef | None = None,
    **env: str,
) -> Manifest:
    """Return a manifest of the sample app. BEHAVE says what it shall do."""
    processes = (
        Process(ProcessType("web"), command, web, size, health_path),
        Process(ProcessType("worker"), command, worker, size),
    )
    return Manifest(
        app=AppName(app),
        version=deployment + 100,
        deployment=deployment,
        image=image or lab.image,
        processes=processes,
        hostnames=(Hostname(f"{app}.localhost"),),
        env={name: Secret(value) for name, value in env.items()},
    )


def kept(lab: Lab, wanted: Manifest) -> tuple[Target, ...]:
    """Start the manifest and keep it, as what goes live is; return where it takes requests."""
    targets = result(lab.scheduler.start(wanted, never))
    lab.scheduler.keep(wanted)
    return targets


@dataclass
class FakeLab:
    """The fakes."""

    scheduler: FakeScheduler = field(default_factory=FakeScheduler)
    registry: FakeRegistry = field(default_factory=FakeRegistry)
    logs: FakeLogs = field(default_factory=FakeLogs)
    one_offs: FakeOneOffs = field(default_factory=FakeOneOffs)
    image: ImageRef = field(default_factory=lambda: image_ref("sample"))
    said: int = 0

    def answers(self, target: Target) -> bool:
        return any(dyno.target == target for dyno in self.scheduler.dynos())

    def say(self, dyno: Dyno, text: str) -> None:
        self.said += 1
        line = LogLine(dyno.started_at + self.said, "app", dyno.name, text)
        self.logs.write(dyno.app, [line])

    def new_image(self, app: AppName) -> ImageRef:
        return image_ref(f"{app} {len(self.registry.images.get(app, ()))}")

    def close(self) -> None:
        """Nothing is left."""


class LocalLab:
    """The adapters of one machine."""

    def __init__(self, settings: Settings, engine: docker.APIClient, image: ImageRef) -> None:
        self.settings = settings
        self.engine = engine
        self.image = image
        self.registry: LocalRegistry = LocalRegistry(settings)
        self.logs = LocalLogs(settings)
        self.collector = Collector(settings, self.logs)
        self.scheduler = DockerScheduler(settings, before_remove=self.collector.drain)
        self.collector.start()
        self.one_offs = DockerOneOffs(settings)
        self._built: list[ImageRef] = []

    def answers(self, target: Target) -> bool:
        return httpx.get(f"http://{target}/").is_success

    def say(self, dyno: Dyno, text: str) -> None:
        httpx.get(f"http://{dyno.target}/say?text={quote(text)}")

    def new_image(self, app: AppName) -> ImageRef:
        marks = {"empire.instance": self.settings.instance, "empire.app": app}
        self._built.append(build(self.engine, {"Dockerfile": b"FROM scratch\n"}, **marks))
        return self._built[-1]

    def container_names(self) -> list[str]:
        """Return the names of this server's containers."""
        mine = {"label": f"empire.instance={self.settings.instance}"}
        rows = self.engine.containers(all=True, filters=mine)
        return sorted(name.lstrip("/") for row in rows for name in row["Names"])

    def close(self) -> None:
        self.scheduler.close()
        self.registry.close()
        self.collector.close()
        self.one_offs.close()
        remove_containers(self.engine, self.settings.instance)
        for image in self._built:
            if self.engine.images(filters={"label": f"empire.instance={self.settings.instance}"}):
                self._remove(image)

    def _remove(self, image: ImageRef) -> None:
        try:
            self.engine.remove_image(image, force=True)
        except docker.errors.NotFound:
            return
