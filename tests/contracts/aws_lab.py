"""The adapters of an AWS account, on the simulator."""

from urllib.parse import quote

import docker
import httpx

from deployer.aws.account import Account
from deployer.aws.exec import Session, Visit, enter
from deployer.aws.load_balancer import LoadBalancer
from deployer.aws.logs import CloudWatchLogs
from deployer.aws.one_offs import EcsOneOffs
from deployer.aws.registry import EcrRegistry
from deployer.aws.scheduler import EcsScheduler
from empire.ledger import Ledger
from empire.manifest import Dyno, Image, Target
from empire.names import AppName, ImageRef
from empire.secrets import Secret
from empire.settings import Settings
from empire.store import Store
from tests.conftest import build
from tests.streams import result

IMAGES = AppName("lab-image")


class AwsLab:
    """The adapters of one server in a simulated account."""

    def __init__(self, settings: Settings, engine: docker.APIClient, image: ImageRef) -> None:
        # A cluster and a log group of its own: what another lab left behind ends there.
        own = {
            "aws_cluster": f"lab-{settings.instance}",
            "aws_log_group": f"/empire/lab-{settings.instance}",
        }
        settings = settings.model_copy(update=own)
        self.settings = settings
        self.engine = engine
        self.store = Store(settings)
        self.store.migrate()
        self.calls: list[str] = []
        self.account = Account(
            settings, lambda service, call: self.calls.append(f"{service}.{call}")
        )
        self.account.client("ecs").create_cluster(clusterName=settings.aws_cluster)
        self.account.client("logs").create_log_group(logGroupName=settings.aws_log_group)
        ledger = Ledger(self.store)
        self.registry = EcrRegistry(self.account, ledger)
        self.doors = LoadBalancer(self.account, ledger)
        self.scheduler = EcsScheduler(self.account, self.store, self.doors, self._enter)
        self.logs = CloudWatchLogs(self.account, self._name)
        self.one_offs = EcsOneOffs(self.account, self.store)
        self._local_image = image
        self._image: ImageRef | None = None

    @property
    def image(self) -> ImageRef:
        if self._image is None:
            pushed = self.registry.push(IMAGES, Image(self._local_image, {}), "d1")
            self._image = result(pushed).ref
        return self._image

    def _enter(
        self, dyno: Dyno, command: str, env: dict[str, Secret], has_terminal: bool
    ) -> Session:
        cluster = self.settings.aws_cluster
        visit = Visit(cluster, dyno.id, dyno.process, command, env, has_terminal)
        return enter(self.account, visit, dyno.name)

    def _name(self, app: str, process: str, task: str) -> str:
        dynos = self.scheduler.dynos(AppName(app))
        return next((dyno.name for dyno in dynos if dyno.id == task), "")

    def answers(self, target: Target) -> bool:
        return httpx.get(f"http://{target}/").is_success

    def say(self, dyno: Dyno, text: str) -> None:
        httpx.get(f"http://{dyno.target}/say?text={quote(text)}")

    def new_image(self, app: AppName) -> ImageRef:
        marks = {"empire.instance": self.settings.instance, "empire.app": app}
        return build(self.engine, {"Dockerfile": b"FROM scratch\nLABEL a=b\n"}, **marks)

    def asked(self) -> list[str]:
        """Return the calls since the last time, those for events left out."""
        calls = [call for call in self.calls if not call.startswith("sqs.")]
        self.calls.clear()
        return calls

    def close(self) -> None:
        apps = {AppName(app) for app in Ledger(self.store).all()}
        for app in apps:
            self.one_offs.remove(app)
            self.scheduler.stop(app)
            self.registry.delete(app, frozenset())
            self.logs.remove(app)
        self.logs.close()
        self.scheduler.close()
        self.one_offs.close()
        self.registry.close()
        self.store.close()
        self.account.close()
