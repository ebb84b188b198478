"""A task: what is known of it, and how the API and the events show it."""

import time
import uuid
from dataclasses import dataclass, field

from tests.fakeaws import account
from tests.fakeaws.definitions import Definition
from tests.fakeaws.operations import Fields


@dataclass
class Launch:
    """What one start of tasks asks for, of a service or of RunTask."""

    cluster: str
    definition: Definition
    group: str
    started_by: str = ""
    subnets: list[str] = field(default_factory=list)
    capacity: Fields = field(default_factory=dict)
    overrides: Fields = field(default_factory=dict)
    tags: list[Fields] = field(default_factory=list)
    can_execute: bool = False
    load_balancers: list[Fields] = field(default_factory=list)


@dataclass
class Task:
    """One task. Whoever changes it holds the cloud's lock."""

    launch: Launch
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    last_status: str = "PROVISIONING"
    desired_status: str = "RUNNING"
    created_at: float = field(default_factory=time.time)
    pulled_at: float = 0
    started_at: float = 0
    stopping_at: float = 0
    execution_stopped_at: float = 0
    stopped_at: float = 0
    stop_code: str = ""
    stopped_reason: str = ""
    address: str = ""
    interface: str = field(default_factory=lambda: "eni-" + uuid.uuid4().hex[:17])
    attachment: str = field(default_factory=lambda: str(uuid.uuid4()))
    container: str = ""
    exit_code: int | None = None
    container_reason: str = ""
    digest: str = ""
    health: str = "UNKNOWN"
    has_been_well: bool = False
    is_counted: bool = False
    version: int = 1

    @property
    def arn(self) -> str:
        """Its full name."""
        return account.arn("ecs", f"task/{self.launch.cluster}/{self.id}")

    @property
    def definition(self) -> Definition:
        """What it was made from."""
        return self.launch.definition

    @property
    def is_wanted(self) -> bool:
        """Tell whether nothing has asked it to stop."""
        return self.desired_status == "RUNNING"

    @property
    def is_over(self) -> bool:
        """Tell whether all of it has ended."""
        return self.last_status == "STOPPED"

    @property
    def is_running(self) -> bool:
        """Tell whether its container runs and nobody wants it to stop."""
        return self.last_status == "RUNNING" and self.is_wanted

    @property
    def container_arn(self) -> str:
        """The full name of its container."""
        ending = uuid.uuid5(uuid.NAMESPACE_URL, self.id)
        return account.arn("ecs", f"container/{self.launch.cluster}/{self.id}/{ending}")

    def view(self) -> Fields:
        """Return it as DescribeTasks shows it."""
        definition = self.definition
        return {
            "taskArn": self.arn,
            "clusterArn": account.arn("ecs", f"cluster/{self.launch.cluster}"),
            "taskDefinitionArn": definition.arn,
            "group": self.launch.group,
            "startedBy": self.launch.started_by,
            "lastStatus": self.last_status,
            "desiredStatus": self.desired_status,
            "healthStatus": self.health,
            "cpu": self.launch.overrides.get("cpu") or definition.fields.get("cpu", "256"),
            "memory": self.launch.overrides.get("memory") or definition.fields.get("memory", "512"),
            "availabilityZone": f"{account.REGION}a",
            "connectivity": "CONNECTED",
            "attachments": [self._attachment()],
            "attributes": [{"name": "ecs.cpu-architecture", "value": "x86_64"}],
            "containers": [self._container()],
            "overrides": {"containerOverrides": [], **self.launch.overrides},
            "enableExecuteCommand": self.launch.can_execute,
            "platformVersion": "1.4.0",
            "platformFamily": "Linux",
            "ephemeralStorage": {"sizeInGiB": 20},
            "tags": self.launch.tags,
            "version": self.version,
            **_capacity(self.launch.capacity),
            **self._times(),
            **self._end(),
        }

    def _times(self) -> Fields:
        times = {
            "createdAt": self.created_at,
            "pullStartedAt": self.pulled_at,
            "pullStoppedAt": self.pulled_at,
            "connectivityAt": self.pulled_at,
            "startedAt": self.started_at,
            "stoppingAt": self.stopping_at,
            "executionStoppedAt": self.execution_stopped_at,
            "stoppedAt": self.stopped_at,
        }
        return {name: at for name, at in times.items() if at}

    def _end(self) -> Fields:
        end = {"stopCode": self.stop_code, "stoppedReason": self.stopped_reason}
        return {name: text for name, text in end.items() if text}

    def _attachment(self) -> Fields:
        details = {
            "subnetId": (self.launch.subnets or [""])[0],
            "networkInterfaceId": self.interface,
            "macAddress": "0a:" + ":".join(self.id[i : i + 2] for i in range(0, 10, 2)),
            "privateDnsName": f"ip-{self.address.replace('.', '-')}.ec2.internal",
            "privateIPv4Address": self.address,
        }
        is_ready = bool(self.address)
        return {
            "id": self.attachment,
            "type": "ElasticNetworkInterface",
            "status": "DELETED" if self.is_over else "ATTACHED" if is_ready else "PRECREATED",
            "details": [
                {"name": name, "value": value}
                for name, value in details.items()
                if is_ready or name == "subnetId"
            ],
        }

    def _container(self) -> Fields:
        network = {"attachmentId": self.attachment, "privateIpv4Address": self.address}
        shown: Fields = {
            "containerArn": self.container_arn,
            "taskArn": self.arn,
            "name": self.definition.container["name"],
            "image": self.definition.container["image"],
            "lastStatus": self._container_status(),
            "networkInterfaces": [network] if self.address else [],
            "healthStatus": self.health,
            "cpu": str(self.definition.container.get("cpu", 0)),
        }
        known = {
            "imageDigest": self.digest,
            "runtimeId": self.container,
            "reason": self.container_reason,
        }
        shown |= {name: text for name, text in known.items() if text}
        if self.exit_code is not None:
            shown["exitCode"] = self.exit_code
        if self.launch.can_execute and self.started_at:
            agent = {"name": "ExecuteCommandAgent", "lastStatus": self._container_status()}
            shown["managedAgents"] = [{**agent, "lastStartedAt": self.started_at}]
        return shown

    def _container_status(self) -> str:
        if self.execution_stopped_at or self.is_over:
            return "STOPPED"
        return "RUNNING" if self.started_at else "PENDING"


def _capacity(capacity: Fields) -> Fields:
    provider = capacity.get("capacityProvider")
    if not provider:
        return {"launchType": capacity.get("launchType", "FARGATE")}
    launch = "FARGATE" if provider.startswith("FARGATE") else "EC2"
    return {"capacityProviderName": provider, "launchType": launch}
