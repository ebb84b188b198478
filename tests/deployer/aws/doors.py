"""An account with load balancers and zones and nothing else, and what tests ask of it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3

from deployer.aws.account import Account
from deployer.aws.certificates import Certificates
from deployer.aws.load_balancer import LoadBalancer
from deployer.aws.router import AwsRouter
from empire.ledger import Ledger
from empire.names import AppName, DomainName, Hostname
from empire.settings import Settings
from empire.store import Store

NOT_FOUND = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}
SHOP = AppName("shop")
Make = Callable[..., "Doors"]


def hosts(*names: str) -> tuple[Hostname, ...]:
    return tuple(DomainName(name) for name in names)


def settings_of(home: Path, *, tls: bool = False, **more: Any) -> Settings:
    """Make load balancers and zones in the account of this process; return settings that name them."""
    ec2, elb = client("ec2"), client("elbv2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(
            VpcId=vpc, CidrBlock=f"10.0.{number}.0/24", AvailabilityZone=f"us-east-1{zone}"
        )["Subnet"]["SubnetId"]
        for number, zone in enumerate("ab")
    ]
    group = ec2.create_security_group(GroupName="empire-public", Description="-", VpcId=vpc)
    made = {
        "aws_vpc": vpc,
        "aws_public_listener": _listener(elb, "public", subnets, group["GroupId"], tls=tls),
        "aws_internal_listener": _listener(elb, "internal", subnets, group["GroupId"], tls=False),
        "aws_public_zone": _zone("example.com"),
        "aws_private_zone": _zone("empire.internal", vpc),
        "aws_internal_domain": "empire.internal",
        "apps_domain": "apps.example.com",
        "backend": "aws",
    }
    return Settings(home=home, **{**made, **more})


def client(service: str) -> Any:
    return boto3.client(service, region_name="us-east-1")


@dataclass
class Doors:
    """A server's load balancer in its account; `calls` is what was asked, without reading calls."""

    settings: Settings
    store: Store
    calls: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.account = Account(self.settings, lambda _, operation: self.calls.append(operation))
        self.ledger = Ledger(self.store)
        self.load_balancer = LoadBalancer(self.account, self.ledger)
        self.certificates = Certificates(self.account, self.store, self.load_balancer)
        self.router = AwsRouter(self.account, self.load_balancer, self.certificates)
        self.elb = client("elbv2")

    def rules(self, listener: str = "") -> dict[int, tuple[tuple[str, ...], str]]:
        """Return the names and the kind of action of each rule, by priority."""
        return {
            int(rule["Priority"]): (
                tuple(sorted(rule["Conditions"][0]["HostHeaderConfig"]["Values"])),
                rule["Actions"][0]["Type"],
            )
            for rule in self.described(listener)
        }

    def described(self, listener: str = "") -> list[dict[str, Any]]:
        """Return the rules of the listener, but its default."""
        listener = listener or self.settings.aws_public_listener
        found = self.elb.describe_rules(ListenerArn=listener)["Rules"]
        return [rule for rule in found if not rule["IsDefault"]]

    def names(self, listener: str = "") -> list[str]:
        """Return the names that rules forward, sorted."""
        rules = self.rules(listener).values()
        return sorted(name for names, kind in rules if kind == "forward" for name in names)

    def records(self, zone: str = "") -> dict[tuple[str, str], str]:
        """Return where each record leads, by name and type; not those that each zone has."""
        zone = zone or self.settings.aws_public_zone
        found = client("route53").list_resource_record_sets(HostedZoneId=zone)
        return {
            (row["Name"].rstrip(".").replace("\\052", "*"), row["Type"]): row["AliasTarget"][
                "DNSName"
            ]
            if "AliasTarget" in row
            else row["ResourceRecords"][0]["Value"]
            for row in found["ResourceRecordSets"]
            if row["Type"] not in ("NS", "SOA")
        }

    def target_groups(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.elb.describe_target_groups()["TargetGroups"]
        return found

    def balancers(self) -> list[str]:
        return sorted(
            row["LoadBalancerName"] for row in self.elb.describe_load_balancers()["LoadBalancers"]
        )

    def taken(self) -> list[str]:
        """Return the calls since the last look."""
        taken, self.calls[:] = list(self.calls), []
        return taken


def _zone(name: str, vpc: str = "") -> str:
    more = {"VPC": {"VPCRegion": "us-east-1", "VPCId": vpc}} if vpc else {}
    made = client("route53").create_hosted_zone(Name=name, CallerReference=name, **more)
    return str(made["HostedZone"]["Id"]).rpartition("/")[2]


def _listener(elb: Any, kind: str, subnets: list[str], group: str, *, tls: bool) -> str:
    balancer = elb.create_load_balancer(
        Name=f"empire-{kind}",
        Subnets=subnets,
        SecurityGroups=[group],
        Scheme="internal" if kind == "internal" else "internet-facing",
    )["LoadBalancers"][0]["LoadBalancerArn"]
    elb.modify_load_balancer_attributes(
        LoadBalancerArn=balancer,
        Attributes=[{"Key": "idle_timeout.timeout_seconds", "Value": "90"}],
    )
    default: dict[str, Any] = NOT_FOUND
    if tls:
        to_https = {"Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301"}
        default = {"Type": "redirect", "RedirectConfig": to_https}
    made = elb.create_listener(
        LoadBalancerArn=balancer, Protocol="HTTP", Port=80, DefaultActions=[default]
    )
    if tls:
        certificate = client("acm").request_certificate(DomainName="*.apps.example.com")
        made = elb.create_listener(
            LoadBalancerArn=balancer,
            Protocol="HTTPS",
            Port=443,
            SslPolicy="ELBSecurityPolicy-TLS13-1-2-2021-06",
            Certificates=[{"CertificateArn": certificate["CertificateArn"]}],
            DefaultActions=[NOT_FOUND],
        )
    return str(made["Listeners"][0]["ListenerArn"])
