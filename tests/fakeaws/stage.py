"""What tests play on the simulated account: images in its registry, services, waiting for them."""

import base64
import json
from typing import Any

import docker

from empire.names import ImageRef
from tests.fakeaws.operations import Fields
from tests.fakeaws.simulator import Simulator
from tests.waiting import wait_until

EARLY = {"enable": True, "healthyPercent": 100, "sourceServiceRevisionCleanup": "DEFERRED"}
ROLLING = {
    "maximumPercent": 200,
    "minimumHealthyPercent": 100,
    "deploymentCircuitBreaker": {"enable": True, "rollback": True},
}


def push(simulator: Simulator, engine: docker.APIClient, image: ImageRef, name: str) -> str:
    """Push a local image as `empire/NAME` and return what a task definition names."""
    simulator.settings()  # with the template that makes repositories
    token = simulator.client("ecr").get_authorization_token()["authorizationData"][0]
    user, _, password = base64.b64decode(token["authorizationToken"]).decode().partition(":")
    repository = f"{simulator.registry}/empire/{name}"
    engine.tag(image, repository, "v1")
    login = {"username": user, "password": password}
    output = list(engine.push(repository, "v1", stream=True, decode=True, auth_config=login))
    digests = [line["aux"]["Digest"] for line in output if "aux" in line]
    assert digests, output[-1]
    return f"{repository}@{digests[0]}"


class Stage:
    """One service on the simulated account, web or worker, of the app that does what it is told."""

    def __init__(self, simulator: Simulator, image: str, name: str) -> None:
        self.simulator, self.image, self.name = simulator, image, name
        self.settings = simulator.settings()
        self.ecs, self.elb = simulator.client("ecs"), simulator.client("elbv2")
        self.group = ""
        self.rule = ""

    @property
    def network(self) -> Fields:
        """Where its tasks get their addresses."""
        subnets = self.settings["EMPIRE_AWS_PRIVATE_SUBNETS"].split(",")
        groups = [self.settings["EMPIRE_AWS_TASK_SECURITY_GROUP"]]
        return {"awsvpcConfiguration": {"subnets": subnets, "securityGroups": groups}}

    def route(self, **more: Any) -> None:
        """Make a target group and the rule that brings NAME.example.com to it."""
        checks = {"HealthCheckIntervalSeconds": 5, "HealthCheckTimeoutSeconds": 2}
        checks |= {"HealthyThresholdCount": 2, "UnhealthyThresholdCount": 2, **more}
        self.group = self.elb.create_target_group(
            Name=f"e-{self.name}",
            Protocol="HTTP",
            Port=8080,
            VpcId=self.settings["EMPIRE_AWS_VPC"],
            TargetType="ip",
            **checks,
        )["TargetGroups"][0]["TargetGroupArn"]
        delay = {"Key": "deregistration_delay.timeout_seconds", "Value": "10"}
        self.elb.modify_target_group_attributes(TargetGroupArn=self.group, Attributes=[delay])
        host = {
            "Field": "host-header",
            "HostHeaderConfig": {"Values": [f"{self.name}.example.com"]},
        }
        self.rule = self.elb.create_rule(
            ListenerArn=self.settings["EMPIRE_AWS_PUBLIC_LISTENER"],
            Priority=abs(hash(self.name)) % 40000 + 1,
            Conditions=[host],
            Actions=[{"Type": "forward", "TargetGroupArn": self.group}],
        )["Rules"][0]["RuleArn"]

    def define(self, *, container: Fields | None = None, **env: str) -> str:
        """Register a task definition with this environment and return its ARN."""
        options = {"awslogs-group": self.settings["EMPIRE_AWS_LOG_GROUP"]}
        options |= {"awslogs-region": "us-east-1", "awslogs-stream-prefix": self.name}
        fields = {
            "name": "web",
            "image": self.image,
            "portMappings": [{"containerPort": 8080}],
            "stopTimeout": 5,
            "environment": [{"name": name, "value": value} for name, value in env.items()],
            "logConfiguration": {"logDriver": "awslogs", "options": options},
            **(container or {}),
        }
        made = self.ecs.register_task_definition(
            family=f"e-{self.name}",
            networkMode="awsvpc",
            requiresCompatibilities=["FARGATE"],
            cpu="256",
            memory="512",
            executionRoleArn=self.settings["EMPIRE_AWS_EXECUTION_ROLE"],
            containerDefinitions=[fields],
        )
        arn: str = made["taskDefinition"]["taskDefinitionArn"]
        return arn

    def create(self, definition: str, count: int = 1, *, early: bool = True, **more: Any) -> str:
        """Create the service and return its deployment's id."""
        balancer = {"targetGroupArn": self.group, "containerName": "web", "containerPort": 8080}
        configuration = {**ROLLING, **({"earlySuccessCriteria": EARLY} if early else {})}
        made = self.ecs.create_service(
            cluster="empire",
            serviceName=self.name,
            taskDefinition=definition,
            desiredCount=count,
            networkConfiguration=self.network,
            **{
                "capacityProviderStrategy": [{"capacityProvider": "FARGATE", "weight": 1}],
                "deploymentConfiguration": configuration,
                "loadBalancers": [balancer] if self.group else [],
                **more,
            },
        )
        return _primary(made["service"])

    def update(self, **wish: Any) -> str:
        """Update the service and return its primary deployment's id."""
        made = self.ecs.update_service(cluster="empire", service=self.name, **wish)
        return _primary(made["service"])

    def shown(self) -> Fields:
        """Return the service as it is described."""
        answer = self.ecs.describe_services(cluster="empire", services=[self.name])
        found: Fields = answer["services"][0]
        return found

    def deployment(self, id: str) -> Fields:
        """Return a deployment as it is described, {} when it is gone."""
        return next((each for each in self.shown()["deployments"] if each["id"] == id), {})

    def settled(self, id: str) -> Fields:
        """Return a deployment when it has COMPLETED or FAILED."""
        wait_until(lambda: self.deployment(id).get("rolloutState") != "IN_PROGRESS")
        return self.deployment(id)

    def tasks(self, desired: str = "RUNNING") -> list[Fields]:
        """Return the service's tasks."""
        wish = {"cluster": "empire", "serviceName": self.name, "desiredStatus": desired}
        arns = self.ecs.list_tasks(**wish)["taskArns"]
        if not arns:
            return []
        found: list[Fields] = self.ecs.describe_tasks(cluster="empire", tasks=arns)["tasks"]
        return found

    def remove(self) -> None:
        """Delete all of it; its containers end in the background."""
        if self.rule:
            self.elb.delete_rule(RuleArn=self.rule)
        services = self.ecs.describe_services(cluster="empire", services=[self.name])["services"]
        if services:
            self.ecs.delete_service(cluster="empire", service=self.name, force=True)


def received(simulator: Simulator, queue: str) -> list[Fields]:
    """Return and forget the events that wait in a queue."""
    sqs = simulator.client("sqs")
    found: list[Fields] = []
    while messages := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
        for message in messages:
            found.append(json.loads(message["Body"]))
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    return found


def _primary(service: Fields) -> str:
    return str(service["deployments"][0]["id"])
