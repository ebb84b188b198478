"""Apps on an AWS account: ECS runs them, load balancers lead to them, CloudWatch keeps their logs."""

import threading
from collections.abc import Callable, Iterable
from contextlib import ExitStack

import structlog

from deployer.aws.account import Account, Called
from deployer.aws.certificates import Certificates
from deployer.aws.dyno_names import DynoNames
from deployer.aws.exec import Session, Visit, enter
from deployer.aws.load_balancer import LoadBalancer
from deployer.aws.logs import CloudWatchLogs
from deployer.aws.one_offs import EcsOneOffs
from deployer.aws.registry import EcrRegistry
from deployer.aws.router import AwsRouter
from deployer.aws.scheduler import EcsScheduler
from empire.ledger import Ledger
from empire.manifest import Dyno
from empire.names import AppName
from empire.platform import Builder, Platform, Sources
from empire.secrets import Secret
from empire.settings import Settings
from empire.store import Store

log = structlog.get_logger()


class AwsBackend:
    """The ports of one account. `parts` closes what they hold open; `on_call` hears of each call."""

    def __init__(
        self, settings: Settings, store: Store, parts: ExitStack, on_call: Called | None = None
    ) -> None:
        self._account = Account(settings, on_call or _tell)
        self._parts = parts
        ledger = Ledger(store)
        doors = LoadBalancer(self._account, ledger)
        self._registry = EcrRegistry(self._account, ledger)
        self._router = AwsRouter(self._account, doors, Certificates(self._account, store, doors))
        self._scheduler = EcsScheduler(self._account, store, doors, self._enter)
        self._one_offs = EcsOneOffs(self._account, store)
        self._names = DynoNames(self._scheduler.dynos, self._one_off_dynos)
        self._logs = CloudWatchLogs(self._account, self._names.of)
        for part in (self._account, self._registry, self._one_offs, self._scheduler, self._logs):
            parts.callback(part.close)

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
        """See that the account can be reached and that its load balancers are there."""
        self._router.ensure_running()

    def watch(self, changed: Callable[[AppName], None]) -> None:
        """Tell of every app whose dynos change from now on; look after the certificates."""
        self._scheduler.watch(self._names.learn)
        self._scheduler.watch(changed)
        stopping = threading.Event()
        threading.Thread(
            target=self._router.watch, args=(stopping,), name="certificates", daemon=True
        ).start()
        self._parts.callback(stopping.set)

    def _enter(
        self, dyno: Dyno, command: str, env: dict[str, Secret], has_terminal: bool
    ) -> Session:
        visit = Visit(
            cluster=self._account.settings.aws_cluster,
            task=dyno.id,
            container=dyno.process,
            command=command,
            env=env,
            has_terminal=has_terminal,
        )
        return enter(self._account, visit, dyno.name)

    def _one_off_dynos(self, app: AppName) -> Iterable[Dyno]:
        return (run.dyno for run in self._one_offs.runs(app))


def _tell(service: str, operation: str) -> None:
    log.debug("AWS is asked", service=service, operation=operation)
