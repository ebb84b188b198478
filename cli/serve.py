"""`empire serve`: the one place that knows every part and ties them together."""

import logging
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Protocol

import structlog

from apiserver.server import ApiServer
from buildpacks.builder import Builder as ImageBuilder
from cli import errors
from cli.first_start import welcome
from deployer.leftovers import Leftovers
from deployer.reconcile import RouteKeeper, reconcile
from deployer.rounds import Rounds
from deployer.upkeep import Upkeep
from deployer.worker import Worker
from empire import remains
from empire.errors import EmpireError
from empire.names import AppName, Hostname
from empire.platform import Builder, Platform, Router, Sources
from empire.settings import Settings
from empire.store import Store
from gitserver.repositories import Repositories
from gitserver.server import GitServer

SWITCH_SECONDS = 0.0005
"""How long a thread keeps the interpreter while others wait. A deployment passes many threads, and
the default of 5 ms makes each hand-over feel it."""
UPKEEP_SECONDS = 30.0
REPAIR_SECONDS = 300.0

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
        with running(settings) as (store, platform):
            for line in _greeting(settings, store, platform.router):
                print(line, flush=True)
            ending.wait()
            print("Stopping. Apps that run go on; deployments under way resume at the next start.")
    except EmpireError as error:
        print(f"empire: {error}", file=sys.stderr)
        sys.exit(1)


@contextmanager
def running(settings: Settings) -> Iterator[tuple[Store, Platform]]:
    """Yield what a server of which every part runs works with; stop its parts in order at the end."""
    with ExitStack() as parts:
        store = Store(settings)
        parts.callback(store.close)
        store.migrate()
        repositories = Repositories(settings)
        backend = _backend(settings, store, parts)
        platform = backend.platform(repositories, ImageBuilder(settings))
        worker = Worker(store, platform)
        worker.lock()
        backend.begin()
        _sweep(store, repositories)
        reconcile(store, platform)
        keeper = RouteKeeper(store, platform)
        backend.watch(keeper.changed)
        for part in (
            keeper,
            Leftovers(store, platform),
            Rounds("upkeep", Upkeep(store, platform).look, UPKEEP_SECONDS),
            worker,
            ApiServer(settings, store, platform),
            GitServer(settings, store, repositories, platform),
        ):
            part.start()
            parts.callback(part.stop)
        if settings.backend == "aws":
            # Others may scale, change or delete what is ours there.
            repairs = Rounds("repairs", partial(reconcile, store, platform), REPAIR_SECONDS)
            repairs.start()
            parts.callback(repairs.stop)
        yield store, platform


def _sweep(store: Store, repositories: Repositories) -> None:
    with store.reading() as session:
        owned = {Path(found.git_dir) for found in remains.unsettled(session) if found.git_dir}
    repositories.sweep(owned)


class Backend(Protocol):
    """Where apps run."""

    def platform(self, sources: Sources, builder: Builder) -> Platform:
        """Return all ports together."""

    def begin(self) -> None:
        """Start what the ports need beside them."""

    def watch(self, changed: Callable[[AppName], None]) -> None:
        """Tell of every app whose dynos change from now on."""


def _backend(settings: Settings, store: Store, parts: ExitStack) -> Backend:
    """Return where apps run, importing no other."""
    if settings.backend == "aws":
        try:
            from cli.aws_backend import AwsBackend
        except ModuleNotFoundError as error:
            raise errors.not_installed(error.name or "a part") from None
        return AwsBackend(settings, store, parts)
    from cli.local_backend import LocalBackend

    return LocalBackend(settings, parts)


def _greeting(settings: Settings, store: Store, router: Router) -> Iterator[str]:
    yield from welcome(settings, store, Path.home())
    host = settings.listen_host
    yield ""
    yield f"Empire is up. Its state is in {settings.home}."
    yield f"  git   ssh://git@{host}:{settings.ssh_port}"
    yield f"  API   http://{host}:{settings.api_port}"
    address = router.url(Hostname(f"name.{settings.apps_domain}"))
    yield f"  apps  {address.replace('//name.', '//NAME.')}"
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
