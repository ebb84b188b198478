"""What the API offers of service deployments: list, describe, stop."""

from tests.fakeaws import account
from tests.fakeaws.breaker import roll_back
from tests.fakeaws.cloud import Cloud
from tests.fakeaws.operations import Fields, Operation, Refusal, page
from tests.fakeaws.service_calls import ServiceCalls
from tests.fakeaws.services import Deployment, Service

BRIEF = (
    "serviceDeploymentArn",
    "serviceArn",
    "clusterArn",
    "createdAt",
    "startedAt",
    "finishedAt",
    "targetServiceRevisionArn",
    "status",
    "statusReason",
)


class DeploymentCalls:
    """The operations on the service deployments of a cloud."""

    def __init__(self, cloud: Cloud, services: ServiceCalls) -> None:
        self._cloud, self._services = cloud, services

    def operations(self) -> dict[str, Operation]:
        """Return what the API offers."""
        return {
            "ListServiceDeployments": self.list,
            "DescribeServiceDeployments": self.describe,
            "StopServiceDeployment": self.stop,
        }

    def list(self, wish: Fields) -> Fields:
        """Show a service's deployments in brief, newest first."""
        with self._cloud.lock:
            service = self._services.find(wish.get("cluster"), wish["service"])
            shown = [_view(service, deployment) for deployment in _newest_first(service)]
        statuses = wish.get("status") or [each["status"] for each in shown]
        brief = [
            {name: each[name] for name in BRIEF if name in each}
            for each in shown
            if each["status"] in statuses
        ]
        return page(wish, "serviceDeployments", brief)

    def describe(self, wish: Fields) -> Fields:
        """Show up to twenty deployments by their ARNs."""
        found, failures = [], []
        with self._cloud.lock:
            for arn in wish["serviceDeploymentArns"][:20]:
                place = self._find(arn)
                if place:
                    found.append(_view(*place))
                else:
                    failures.append({"arn": arn, "reason": "MISSING"})
        return {"serviceDeployments": found, "failures": failures}

    def stop(self, wish: Fields) -> Fields:
        """End an open deployment: roll it back, or leave it as it is."""
        arn = wish["serviceDeploymentArn"]
        with self._cloud.lock:
            place = self._find(arn)
            if place is None:
                raise Refusal("ServiceDeploymentNotFoundException", "Deployment not found.")
            service, deployment = place
            if not deployment.is_open:
                raise Refusal("ConflictException", "The service deployment is not in progress.")
            deployment.settle("FAILED", "Service deployment stopped by user.")
            self._cloud.events.deployment(service.arn, deployment.id, "FAILED", deployment.reason)
            if wish.get("stopType", "ROLLBACK") == "ROLLBACK" and service.last_good:
                roll_back(self._cloud, service)
            else:
                deployment.is_stalled = True
        return {"serviceDeploymentArn": arn}

    def _find(self, arn: str) -> tuple[Service, Deployment] | None:
        for service in self._cloud.services.values():
            for deployment in _newest_first(service):
                if _arn(service, deployment) == arn:
                    return service, deployment
        return None


def _newest_first(service: Service) -> list[Deployment]:
    known = [*service.deployments, *service.finished]
    return sorted(known, key=lambda deployment: deployment.created_at, reverse=True)


def _arn(service: Service, deployment: Deployment) -> str:
    return account.arn(
        "ecs", f"service-deployment/{service.cluster}/{service.name}/{deployment.number}"
    )


def _view(service: Service, deployment: Deployment) -> Fields:
    revision = account.arn(
        "ecs", f"service-revision/{service.cluster}/{service.name}/{deployment.number}"
    )
    counts = deployment.view(service.desired)
    breaker = service.configuration["deploymentCircuitBreaker"]
    shown = {
        "serviceDeploymentArn": _arn(service, deployment),
        "serviceArn": service.arn,
        "clusterArn": account.arn("ecs", f"cluster/{service.cluster}"),
        "createdAt": deployment.created_at,
        "startedAt": deployment.created_at,
        "updatedAt": deployment.updated_at,
        "targetServiceRevisionArn": revision,
        "targetServiceRevision": {
            "arn": revision,
            "requestedTaskCount": counts["desiredCount"],
            "runningTaskCount": counts["runningCount"],
            "pendingTaskCount": counts["pendingCount"],
        },
        "status": _status(deployment),
        "statusReason": deployment.reason,
        "deploymentConfiguration": service.configuration,
        "deploymentCircuitBreaker": {
            "status": _monitor(deployment, is_on=bool(breaker["enable"])),
            "failureCount": deployment.failed_tasks,
            "threshold": service.failures_allowed(),
        },
    }
    if deployment.finished_at:
        shown["finishedAt"] = deployment.finished_at
    return shown


def _status(deployment: Deployment) -> str:
    if deployment.rollout_state == "COMPLETED" or deployment.rolls_back:
        return "SUCCESSFUL"
    if deployment.rolled_back_to:
        state = deployment.rolled_back_to.rollout_state
        return {"COMPLETED": "ROLLBACK_SUCCESSFUL", "FAILED": "ROLLBACK_FAILED"}.get(
            state, "ROLLBACK_IN_PROGRESS"
        )
    return "IN_PROGRESS" if deployment.is_open else "STOPPED"


def _monitor(deployment: Deployment, *, is_on: bool) -> str:
    if not is_on:
        return "DISABLED"
    if deployment.rollout_state == "FAILED":
        return "TRIGGERED"
    return "MONITORING" if deployment.is_open else "MONITORING_COMPLETE"
