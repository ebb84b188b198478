"""Apps on this machine: Docker runs them, Caddy leads to them, the server keeps their logs."""

import threading
from collections.abc import Callable
from contextlib import ExitStack

from deployer.local.collector import Collector
from deployer.local.logs import LocalLogs
from deployer.local.one_offs import DockerOneOffs
from deployer.local.registry import LocalRegistry
from deployer.local.remote_registry import RemoteRegistry
from deployer.local.router import CaddyRouter
from deployer.local.scheduler import DockerScheduler
from empire.names import AppName
from empire.platform import Builder, Platform, Sources
from empire.settings import Settings


class LocalBackend:
    """The ports of one machine. `parts` closes what they hold open."""

    def __init__(self, settings: Settings, parts: ExitStack) -> None:
        self._logs = LocalLogs(settings)
        self._router = CaddyRouter(settings)
        self._registry = (RemoteRegistry if settings.registry else LocalRegistry)(settings)
        self._collector = Collector(settings, self._logs)
        self._scheduler = DockerScheduler(settings, before_remove=self._collector.drain)
        self._one_offs = DockerOneOffs(settings, before_remove=self._collector.drain)
        parts.callback(self._scheduler.close)
        parts.callback(self._one_offs.close)
        self._parts = parts

    def platform(self, sources: Sources, builder: Builder) -> Platform:
        """Return all ports together."""
        return Platform(
            sources=sources,
            builder=builder,
            registry=self._registry,
            scheduler=self._scheduler,
            router=self._router,
            logs=self._logs,
            one_offs=self._one_offs,
        )

    def begin(self) -> None:
        """Start what the ports need beside them."""
        self._router.ensure_running()
        self._collector.start()
        self._parts.callback(self._collector.close)

    def watch(self, changed: Callable[[AppName], None]) -> None:
        """Tell of every app whose dynos change from now on; look after the router."""
        self._scheduler.end_visits()
        self._scheduler.watch(changed)
        stopping = threading.Event()
        threading.Thread(
            target=self._router.watch, args=(stopping,), name="router-watch", daemon=True
        ).start()
        self._parts.callback(stopping.set)
