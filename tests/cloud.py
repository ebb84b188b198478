"""The whole product with its apps on a simulated AWS account."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from empire.settings import SETTINGS_FILE
from tests.fakeaws.simulator import Simulator
from tests.product import Product

BATCH = 100
DOMAIN = "example.com"


@dataclass
class Cloud(Product):
    """One installation whose apps run as tasks. The simulator is its account."""

    simulator: Simulator | None = None

    def ask(self, app: str, path: str = "/", seconds: float = 15) -> tuple[int, str]:
        """Return status and body of a request to the app through the public load balancer."""
        return self.ask_host(f"{app}.{DOMAIN}", path, seconds)

    @property
    def public_zone(self) -> str:
        """The id of the zone of public names."""
        return self.setting("AWS_PUBLIC_ZONE")

    def setting(self, name: str) -> str:
        """Return a setting that bootstrap kept."""
        kept = (self.home / SETTINGS_FILE).read_text().splitlines()
        values = dict(line.split("=", 1) for line in kept)
        return values[f"EMPIRE_{name}"]

    def client(self, service: str) -> Any:
        """Return a client of the account."""
        assert self.simulator
        return self.simulator.client(service)

    def tasks(self, app: str = "") -> list[dict[str, Any]]:
        """Return the tasks that run or start, of one app or of all, with their one-offs."""
        ecs = self.client("ecs")
        pages = ecs.get_paginator("list_tasks").paginate(cluster="empire")
        arns = [arn for page in pages for arn in page["taskArns"]]
        rows = [
            row
            for start in range(0, len(arns), BATCH)
            for row in ecs.describe_tasks(
                cluster="empire", tasks=arns[start : start + BATCH], include=["TAGS"]
            )["tasks"]
        ]
        return [row for row in rows if not app or tags_of(row).get("empire:app") == app]

    def containers(self, app: str = "") -> list[str]:
        """Return the ids of the tasks that run or start."""
        return sorted(row["taskArn"].rpartition("/")[2] for row in self.tasks(app))

    def services(self, app: str = "") -> list[str]:
        """Return the names of the services that are there, of one app or of all."""
        pages = self.client("ecs").get_paginator("list_services").paginate(cluster="empire")
        names = [arn.rpartition("/")[2] for page in pages for arn in page["serviceArns"]]
        return sorted(name for name in names if name.startswith(f"{app}_" if app else ""))

    def images(self, app: str = "") -> set[str]:
        """Return the digests of an app's images; of no app when it has no repository."""
        ecr = self.client("ecr")
        names = [row["repositoryName"] for row in ecr.describe_repositories()["repositories"]]
        return {
            image["imageDigest"]
            for name in names
            if name == f"empire/{app}" or not app
            for image in ecr.list_images(repositoryName=name)["imageIds"]
        }

    def close(self) -> None:
        """Stop the server; what it left in the account goes with the simulator."""
        if self.process and self.process.poll() is None:
            self.stop()


def tags_of(row: dict[str, Any]) -> dict[str, str]:
    """Return a resource's tags."""
    return {tag["key"]: tag["value"] for tag in row.get("tags", [])}


def left_of(cloud: Cloud, app: str) -> dict[str, list[str]]:
    """Return what is left of an app in the account, by kind; without what is empty."""
    elb, secrets = cloud.client("elbv2"), cloud.client("secretsmanager")
    groups = [row["TargetGroupName"] for row in elb.describe_target_groups()["TargetGroups"]]
    found = {
        "tasks": cloud.containers(app),
        "services": cloud.services(app),
        "images": sorted(cloud.images(app)),
        "target groups": [name for name in groups if name.startswith(f"e-{app}-")],
        "secrets": [
            row["Name"]
            for row in secrets.list_secrets()["SecretList"]
            if row["Name"] == f"empire/{app}"
        ],
        "definitions": cloud.client("ecs").list_task_definitions(
            familyPrefix=f"e-{app}_", status="ACTIVE"
        )["taskDefinitionArns"],
    }
    return {kind: names for kind, names in found.items() if names}


def edge_of(cloud: Cloud, name: str) -> dict[str, list[Any]]:
    """Return what leads to host names with the name in them: rules, records, certificates."""
    elb, acm = cloud.client("elbv2"), cloud.client("acm")
    listener = cloud.setting("AWS_PUBLIC_LISTENER")
    rules = elb.describe_rules(ListenerArn=listener)["Rules"]
    zone = cloud.public_zone
    rows = cloud.client("route53").list_resource_record_sets(HostedZoneId=zone)
    named = {
        row["CertificateArn"]: row["DomainName"]
        for row in acm.list_certificates()["CertificateSummaryList"]
        if name in row["DomainName"]
    }
    served = elb.describe_listener_certificates(ListenerArn=listener)["Certificates"]
    return {
        "rules": sorted(
            value
            for rule in rules
            for condition in rule["Conditions"]
            for value in condition["HostHeaderConfig"]["Values"]
            if name in value
        ),
        "records": [
            (row["Name"].rstrip("."), row["Type"])
            for row in rows["ResourceRecordSets"]
            if name in row["Name"]
        ],
        "certificates": sorted(named.values()),
        "served": sorted(
            named[row["CertificateArn"]] for row in served if row["CertificateArn"] in named
        ),
    }


@contextmanager
def cloud(folder: Path, **settings: str) -> Iterator[Cloud]:
    """Yield a running product on an account of its own; everything of it is gone afterwards."""
    with Simulator(folder / "aws") as simulator:
        installed = Cloud(
            folder,
            {"AWS_ENDPOINT_URL": simulator.endpoint, **settings},
            http_port=simulator.alb_port,
            simulator=simulator,
        )
        try:
            installed.empire("bootstrap", "aws", "--domain", DOMAIN, "--tls", "--yes")
            installed.start()
            yield installed
        finally:
            installed.close()
