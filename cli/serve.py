"""`empire serve`: the one place that knows every part and ties them together."""

import logging
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import structlog

from apiserver.server import ApiServer
from buildpacks.builder import Builder
from cli.first_start import welcome
from deployer.leftovers import Leftovers
from deployer.local.collector import Collector
from deployer.local.logs import LocalLogs
from deployer.local.one_offs import DockerOneOffs
from deployer.local.registry import LocalRegistry
from deployer.local.router import CaddyRouter
from deployer.local.scheduler import DockerScheduler
from deployer.reconcile import RouteKeeper, reconcile
from deployer.worker import Worker
from empire import remains
from empire.errors import EmpireError
from empire.platform import Platform
from empire.settings import Settings
from empire.store import Store
from gitserver.repositories import Repositories
from gitserver.server import GitServer

SWITCH_SECONDS = 0.0005
"""How long a thread keeps the interpreter while others wait. A deployment passes many threads, and
the default of 5 ms makes each hand-over feel it."""

log = structlog.get_logger()


def serve() -> None:
    """Run the server until SIGTERM or Ctrl-C. Exits 1 with the reason when it cannot start."""
    ending = threading.Event()
    sys.setswitchinterval(SWITCH_SECONDS)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ending.set())
    try:
        settings = Settings.read()
        _log_to_stderr(settings)
        with running(settings) as store:
            for line in _greeting(settings, store):
                print(line, flush=True)
            ending.wait()
            print("Stopping. Apps that run go on; deployments under way resume at the next start.")
    except EmpireError as error:
        print(f"empire: {error}", file=sys.stderr)
        sys.exit(1)


@contextmanager
def running(settings: Settings) -> Iterator[Store]:
    """Yield the store of a server of which every part runs; stop them in order at the end."""
    with ExitStack() as parts:
        store = Store(settings)
        parts.callback(store.close)
        store.migrate()
        repositories = Repositories(settings)
        logs, router = LocalLogs(settings), CaddyRouter(settings)
        collector = Collector(settings, logs)
        scheduler = DockerScheduler(settings, before_remove=collector.drain)
        one_offs = DockerOneOffs(settings, before_remove=collector.drain)
        platform = Platform(
            sources=repositories,
            builder=Builder(settings),
            registry=LocalRegistry(settings),
            scheduler=scheduler,
            router=router,
            logs=logs,
            one_offs=one_offs,
        )
        parts.callback(scheduler.close)
        parts.callback(one_offs.close)
        worker = Worker(store, platform)
        worker.lock()
        router.ensure_running()
        collector.start()
        parts.callback(collector.close)
        _sweep(store, repositories)
        reconcile(store, platform)
        scheduler.end_visits()
        keeper = RouteKeeper(store, platform)
        scheduler.watch(keeper.changed)
        _watch_router(router, parts)
        for part in (
            keeper,
            Leftovers(store, platform),
            worker,
            ApiServer(settings, store, platform),
            GitServer(settings, store, repositories),
        ):
            part.start()
            parts.callback(part.stop)
        yield store


def _sweep(store: Store, repositories: Repositories) -> None:
    with store.reading() as session:
        owned = {Path(found.git_dir) for found in remains.unsettled(session) if found.git_dir}
    repositories.sweep(owned)


def _watch_router(router: CaddyRouter, parts: ExitStack) -> None:
    stopping = threading.Event()
    threading.Thread(
        target=router.watch, args=(stopping,), name="router-watch", daemon=True
    ).start()
    parts.callback(stopping.set)


def _greeting(settings: Settings, store: Store) -> Iterator[str]:
    yield from welcome(settings, store, Path.home())
    host = settings.listen_host
    yield ""
    yield f"Empire is up. Its state is in {settings.home}."
    yield f"  git   ssh://git@{host}:{settings.ssh_port}"
    yield f"  API   http://{host}:{settings.api_port}"
    yield f"  apps  http://NAME.{settings.apps_domain}:{settings.http_port}"
    yield ""
    yield "Now, in a repository with an app (for a first one: examples/hello-python):"
    yield "  empire apps:create hello"
    yield "  git push empire main"
    yield "  empire logs --tail"


def _log_to_stderr(settings: Settings) -> None:
    level = getattr(logging, settings.log_level.upper())
    structlog.configure(
        processors=[
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            structlog.processors.LogfmtRenderer(bool_as_flag=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
