"""What the API offers of services: create, update, describe, list, delete."""

from tests.fakeaws import account
from tests.fakeaws.cloud import Cloud
from tests.fakeaws.operations import Fields, Operation, Refusal, invalid, page
from tests.fakeaws.services import Service
from tests.fakeaws.targets import is_used


class ServiceCalls:
    """The operations on the services of a cloud."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def operations(self) -> dict[str, Operation]:
        """Return what the API offers."""
        return {
            "CreateService": self.create,
            "UpdateService": self.update,
            "DescribeServices": self.describe,
            "ListServices": self.list,
            "DeleteService": self.delete,
        }

    def create(self, wish: Fields) -> Fields:
        """Make a service; the scheduler starts its tasks."""
        cluster = self._cloud.cluster(wish.get("cluster"))
        name = wish["serviceName"]
        with self._cloud.lock:
            existing = self._cloud.services.get((cluster, name))
            if existing and existing.status == "ACTIVE":
                token = wish.get("clientToken")
                if token and token == existing.fields.get("clientToken"):
                    return {"service": existing.view()}
                raise invalid("Creation of service was not idempotent.")
            if existing and existing.status == "DRAINING":
                raise invalid("Unable to Start a service that is still Draining.")
            definition = self._cloud.definitions.usable(wish["taskDefinition"])
            _check(wish)
            service = Service(
                cluster, name, dict(wish), int(wish.get("desiredCount", 0)), wish.get("tags", [])
            )
            self._cloud.services[cluster, name] = service
            self._deploy(service, definition.arn)
            return {"service": service.view()}

    def update(self, wish: Fields) -> Fields:
        """Change a service. Other tasks than before need a new deployment."""
        with self._cloud.lock:
            service = self.find(wish.get("cluster"), wish["service"])
            if service.status != "ACTIVE":
                raise Refusal("ServiceNotActiveException", "Service was not ACTIVE.")
            current = service.primary
            definition = current.definition
            if wish.get("taskDefinition"):
                definition = self._cloud.definitions.usable(wish["taskDefinition"])
            _check({**service.fields, **wish})
            before = service.settings
            forced = bool(wish.get("forceNewDeployment"))
            kept = {"service", "cluster", "forceNewDeployment", "taskDefinition", "desiredCount"}
            service.fields.update({key: wish[key] for key in wish if key not in kept})
            if "desiredCount" in wish:
                service.desired = int(wish["desiredCount"])
            if forced or definition is not current.definition or service.settings != before:
                self._deploy(service, definition.arn)
            return {"service": service.view()}

    def describe(self, wish: Fields) -> Fields:
        """Show up to ten services."""
        cluster = self._cloud.cluster(wish.get("cluster"))
        names = wish.get("services") or []
        if not names:
            raise invalid("Services cannot be empty.")
        if len(names) > 10:
            raise invalid("Services can have at most 10 items.")
        found, failures = [], []
        with self._cloud.lock:
            for name in names:
                service = self._cloud.services.get((cluster, name.rpartition("/")[2]))
                if service is None:
                    arn = account.arn("ecs", f"service/{cluster}/{name.rpartition('/')[2]}")
                    failures.append({"arn": arn, "reason": "MISSING"})
                    continue
                shown = service.view()
                if "TAGS" in wish.get("include", []):
                    shown["tags"] = service.tags
                found.append(shown)
        return {"services": found, "failures": failures}

    def list(self, wish: Fields) -> Fields:
        """Show the ARNs of a cluster's services, ten a page unless more are wished."""
        cluster = self._cloud.cluster(wish.get("cluster"))
        with self._cloud.lock:
            found = [
                service.arn
                for service in self._cloud.services.values()
                if service.cluster == cluster and service.status != "INACTIVE"
            ]
        return page(wish, "serviceArns", found, 10)

    def delete(self, wish: Fields) -> Fields:
        """Let a service drain; with force also one that shall still run tasks."""
        with self._cloud.lock:
            service = self.find(wish.get("cluster"), wish["service"])
            if service.desired and not wish.get("force"):
                raise invalid("The service cannot be stopped while it is scaled above 0.")
            if service.status == "ACTIVE":
                service.status = "DRAINING"
            service.desired = 0
            return {"service": service.view()}

    def find(self, cluster: str | None, name: str) -> Service:
        """Return a service by its name or ARN."""
        key = self._cloud.cluster(cluster), name.rpartition("/")[2]
        service = self._cloud.services.get(key)
        if service is None:
            raise Refusal("ServiceNotFoundException", "Service not found.")
        if service.status == "INACTIVE":
            raise Refusal("ServiceNotActiveException", "Service was not ACTIVE.")
        return service

    def _deploy(self, service: Service, definition: str) -> None:
        made = service.deploy(self._cloud.definitions.get(definition))
        self._cloud.events.deployment(service.arn, made.id, "IN_PROGRESS", made.reason)


def _check(wish: Fields) -> None:
    for balancer in wish.get("loadBalancers", []):
        _check_target_group(balancer)
    configuration = wish.get("deploymentConfiguration", {})
    most, least = (
        configuration.get(name, default)
        for name, default in (("maximumPercent", 200), ("minimumHealthyPercent", 100))
    )
    if most <= 100 <= least:
        raise invalid("Both maximumPercent and minimumHealthyPercent cannot be 100.")
    if wish.get("launchType") and wish.get("capacityProviderStrategy"):
        raise invalid(
            "Specifying both a launch type and capacity provider strategy is not supported."
        )
    if not wish.get("networkConfiguration"):
        raise invalid(
            "Network Configuration must be provided when networkMode 'awsvpc' is specified."
        )


def _check_target_group(balancer: Fields) -> None:
    group = balancer.get("targetGroupArn", "")
    if group not in account.elb().target_groups:
        raise invalid(f"The target group {group} does not exist.")
    if not is_used(group):
        raise invalid(
            f"The target group with targetGroupArn {group} does not have an associated load balancer."
        )
