"""Target groups: one for each app that takes requests; ECS puts the tasks in and takes them out."""

import hashlib
import time
from typing import Any

from botocore.exceptions import ClientError

from deployer.aws.account import Account, code_of, tolerating
from empire.names import AppName

PROBE_SECONDS, PROBE_TIMEOUT_SECONDS, PROBES = 5, 2, 2
"""AWS's own 30, 5 and 5 make a deployment wait for minutes."""
ANY_ANSWER, SUCCESS = "200-499", "200-399"
"""Without a health path any answer will do, as on one machine (AWS cannot take a 5xx for one)."""
IN_USE_SECONDS = 15.0
"""How long a target group may count as in use after its rules are gone."""
LOOK_SECONDS = 0.5


class TargetGroups:
    """The target groups of one server's apps."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._settings = account.settings

    def name(self, app: AppName) -> str:
        """Return what the app's target group is called: at most 32 characters, this server's own."""
        mark = hashlib.sha256(f"{self._settings.instance}/{app}".encode()).hexdigest()[:8]
        return f"e-{app[:20].rstrip('-')}-{mark}"

    def make(self, app: AppName, health_path: str) -> str:
        """Return the ARN of the app's target group, made or adopted: two calls."""
        try:
            made = self._elb.create_target_group(**self._wish(app, health_path))
            arn = str(made["TargetGroups"][0]["TargetGroupArn"])
        except ClientError as error:
            if code_of(error) != "DuplicateTargetGroupName":
                raise
            arn = self.find(app)
            self.change_health(arn, health_path or "/")
        delay = self._settings.aws_deregistration_seconds
        self._elb.modify_target_group_attributes(
            TargetGroupArn=arn,
            Attributes=[
                {"Key": "deregistration_delay.timeout_seconds", "Value": str(delay)},
                {"Key": "load_balancing.algorithm.type", "Value": "least_outstanding_requests"},
            ],
        )
        return arn

    def change_health(self, arn: str, path: str) -> None:
        """Ask another path for its health.

        The old version, which still serves, may not know the path: its 404 must not stop it.
        """
        self._elb.modify_target_group(
            TargetGroupArn=arn, HealthCheckPath=path, Matcher={"HttpCode": ANY_ANSWER}
        )

    def find(self, app: AppName) -> str:
        """Return the ARN of the app's target group; empty where there is none."""
        with tolerating("TargetGroupNotFound"):
            found = self._elb.describe_target_groups(Names=[self.name(app)])["TargetGroups"]
            return str(found[0]["TargetGroupArn"]) if found else ""
        return ""

    def delete(self, arn: str) -> None:
        """Delete the target group, if there is one. AWS takes a moment to see its rules gone."""
        deadline = time.monotonic() + IN_USE_SECONDS
        while arn:
            try:
                self._elb.delete_target_group(TargetGroupArn=arn)
            except ClientError as error:
                if code_of(error) == "ResourceInUse" and time.monotonic() < deadline:
                    time.sleep(LOOK_SECONDS)
                    continue
                if code_of(error) != "TargetGroupNotFound":
                    raise
            return

    @property
    def _elb(self) -> Any:
        return self._account.client("elbv2")

    def _wish(self, app: AppName, health_path: str) -> dict[str, Any]:
        return {
            "Name": self.name(app),
            "Protocol": "HTTP",
            "Port": 80,  # of no meaning: each target brings its own
            "VpcId": self._settings.aws_vpc,
            "TargetType": "ip",
            "HealthCheckProtocol": "HTTP",
            "HealthCheckPath": health_path or "/",
            "HealthCheckIntervalSeconds": PROBE_SECONDS,
            "HealthCheckTimeoutSeconds": PROBE_TIMEOUT_SECONDS,
            "HealthyThresholdCount": PROBES,
            "UnhealthyThresholdCount": PROBES,
            "Matcher": {"HttpCode": SUCCESS if health_path else ANY_ANSWER},
            "Tags": tags(self._settings.instance, app),
        }


def tags(instance: str, app: AppName) -> list[dict[str, str]]:
    """Return the tags of what belongs to an app."""
    return [
        {"Key": "empire:app", "Value": app},
        {"Key": "empire:process", "Value": "web"},
        {"Key": "empire:instance", "Value": instance},
    ]
