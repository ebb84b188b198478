"""A service and its deployments: what is known of them, and how the API shows them."""

import math
import time
import uuid
from dataclasses import dataclass, field

from tests.fakeaws import account
from tests.fakeaws.definitions import Definition
from tests.fakeaws.operations import Fields
from tests.fakeaws.tasks import Launch, Task

KEPT_EVENTS = 100
SHAPING = (
    "networkConfiguration",
    "capacityProviderStrategy",
    "platformVersion",
    "loadBalancers",
    "serviceRegistries",
    "serviceConnectConfiguration",
)
"""The fields of a service whose change needs other tasks, so a new deployment."""


@dataclass
class Deployment:
    """One attempt to bring a service to a task definition. Its tasks are started by its id."""

    definition: Definition
    settings: Fields
    rolls_back: str = ""
    rolled_back_to: "Deployment | None" = None
    number: str = field(default_factory=lambda: str(uuid.uuid4().int)[:19])
    status: str = "PRIMARY"
    rollout_state: str = "IN_PROGRESS"
    reason: str = ""
    failed_tasks: int = 0
    retry_at: float = 0
    created_at: float = field(default_factory=time.time)
    updated_at: float = field(default_factory=time.time)
    finished_at: float = 0
    is_stalled: bool = False
    source: str = ""
    tasks: list[Task] = field(default_factory=list)

    @property
    def id(self) -> str:
        """Its id, which its tasks carry as startedBy."""
        return f"ecs-svc/{self.number}"

    @property
    def alive(self) -> list[Task]:
        """Its tasks that nothing has asked to stop."""
        return [task for task in self.tasks if task.is_wanted]

    @property
    def is_open(self) -> bool:
        """Tell whether it may still succeed or fail."""
        return self.rollout_state == "IN_PROGRESS" and self.status == "PRIMARY"

    def settle(self, state: str, reason: str) -> None:
        """Let it be COMPLETED or FAILED."""
        self.rollout_state, self.reason = state, reason
        self.updated_at = self.finished_at = time.time()

    def view(self, desired: int) -> Fields:
        """Return it as DescribeServices shows it."""
        counted = [task for task in self.tasks if not task.is_over]
        running = sum(task.is_running for task in counted)
        pending = sum(task.is_wanted and not task.is_running for task in counted)
        return {
            "id": self.id,
            "status": self.status,
            "taskDefinition": self.definition.arn,
            "desiredCount": desired if self.status == "PRIMARY" else 0,
            "runningCount": running,
            "pendingCount": pending,
            "failedTasks": self.failed_tasks,
            "createdAt": self.created_at,
            "updatedAt": self.updated_at,
            "rolloutState": self.rollout_state,
            "rolloutStateReason": self.reason,
            **{name: value for name, value in self.settings.items() if name in SHAPING[:3]},
        }


@dataclass
class Service:
    """One service. Whoever changes it holds the cloud's lock."""

    cluster: str
    name: str
    fields: Fields
    desired: int
    tags: list[Fields]
    deployments: list[Deployment] = field(default_factory=list)
    finished: list[Deployment] = field(default_factory=list)
    events: list[Fields] = field(default_factory=list)
    status: str = "ACTIVE"
    last_good: tuple[Definition, Fields] | None = None
    is_steady: bool = False
    created_at: float = field(default_factory=time.time)

    @property
    def arn(self) -> str:
        """Its full name."""
        return account.arn("ecs", f"service/{self.cluster}/{self.name}")

    @property
    def primary(self) -> Deployment:
        """The deployment that shall be."""
        return self.deployments[0]

    @property
    def configuration(self) -> Fields:
        """Its deploymentConfiguration with the defaults that are not given."""
        given = self.fields.get("deploymentConfiguration", {})
        breaker = {"enable": False, "rollback": False, **given.get("deploymentCircuitBreaker", {})}
        return {
            "maximumPercent": 200,
            "minimumHealthyPercent": 100,
            "strategy": "ROLLING",
            "bakeTimeInMinutes": 0,
            **given,
            "deploymentCircuitBreaker": breaker,
        }

    @property
    def settings(self) -> Fields:
        """What a deployment keeps of the service's fields."""
        return {name: self.fields[name] for name in SHAPING if name in self.fields}

    def failures_allowed(self) -> int:
        """Return how many failed tasks break the circuit."""
        wish = self.configuration["deploymentCircuitBreaker"].get("thresholdConfiguration")
        if not wish:
            return max(3, min(200, math.ceil(self.desired * 0.5)))
        if wish["type"] == "COUNT":
            return int(wish["value"])
        share = math.ceil(self.desired * int(wish["value"]) / 100)
        return max(3, min(200, share)) if wish["type"] == "BOUNDED_PERCENT" else max(1, share)

    def deploy(self, definition: Definition, rolls_back: str = "") -> Deployment:
        """Put a new deployment in front."""
        made = Deployment(definition, self.settings, rolls_back)
        made.reason = f"ECS deployment {made.id} in progress."
        for older in self.deployments:
            made.source = made.source or older.id
            older.status = "ACTIVE"
        self.deployments.insert(0, made)
        self.is_steady = False
        return made

    def launch(self, deployment: Deployment) -> Launch:
        """Return what a task of the deployment needs."""
        settings = deployment.settings
        network = settings.get("networkConfiguration", {}).get("awsvpcConfiguration", {})
        strategy = settings.get("capacityProviderStrategy")
        propagated = {
            "SERVICE": self.tags,
            "TASK_DEFINITION": deployment.definition.tags,
        }.get(self.fields.get("propagateTags", "NONE"), [])
        return Launch(
            cluster=self.cluster,
            definition=deployment.definition,
            group=f"service:{self.name}",
            started_by=deployment.id,
            subnets=network.get("subnets", []),
            capacity=_heaviest(strategy) if strategy else self.fields,
            tags=list(propagated),
            can_execute=bool(self.fields.get("enableExecuteCommand")),
            load_balancers=settings.get("loadBalancers", []),
        )

    def say(self, text: str) -> None:
        """Add a line to the service's events, newest first."""
        event = {"id": str(uuid.uuid4()), "createdAt": time.time()}
        self.events.insert(0, {**event, "message": f"(service {self.name}) {text}"})
        del self.events[KEPT_EVENTS:]

    def view(self) -> Fields:
        """Return it as DescribeServices shows it."""
        deployments = [each.view(self.desired) for each in self.deployments]
        fields = {name: value for name, value in self.fields.items() if name not in HIDDEN}
        return {
            "schedulingStrategy": "REPLICA",
            "deploymentController": {"type": "ECS"},
            "propagateTags": "NONE",
            "healthCheckGracePeriodSeconds": 0,
            "enableECSManagedTags": False,
            "enableExecuteCommand": False,
            "loadBalancers": [],
            "serviceRegistries": [],
            "availabilityZoneRebalancing": "ENABLED",
            "platformFamily": "Linux",
            "createdBy": f"arn:aws:iam::{account.ID}:root",
            **fields,
            "deploymentConfiguration": self.configuration,
            "serviceArn": self.arn,
            "serviceName": self.name,
            "clusterArn": account.arn("ecs", f"cluster/{self.cluster}"),
            "status": self.status,
            "taskDefinition": self.primary.definition.arn,
            "desiredCount": self.desired,
            "runningCount": sum(each["runningCount"] for each in deployments),
            "pendingCount": sum(each["pendingCount"] for each in deployments),
            "deployments": deployments,
            "events": self.events,
            "createdAt": self.created_at,
            "placementConstraints": [],
            "placementStrategy": [],
        }


HIDDEN = {"cluster", "serviceName", "taskDefinition", "desiredCount", "clientToken", "tags"}


def _heaviest(strategy: list[Fields]) -> Fields:
    return max(strategy, key=lambda item: (item.get("base", 0), item.get("weight", 0)))
