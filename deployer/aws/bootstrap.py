"""What `empire bootstrap aws` decides: the stack's parameters, what they cost, what settings come out."""

import ipaddress
from dataclasses import dataclass
from typing import Any

from deployer.aws import stack_errors as errors
from deployer.aws.account import Account, speaking, tolerating
from empire.settings import Settings

DEFAULTS = {
    "InternalDomain": "empire.internal",
    "Cluster": "empire",
    "Vpc": "",
    "VpcCidr": "10.90.0.0/16",
    "PublicSubnets": "",
    "PrivateSubnets": "",
    "Egress": "nat",
    "Zone": "",
    "Certificate": "",
    "Tls": "no",
    "LogDays": "30",
    "Scan": "yes",
    "InstancesMax": "0",
    "InstanceType": "m7i.large",
}
"""The parameters of the template, as they are where nobody says anything else."""

SETTINGS = {
    "Cluster": "AWS_CLUSTER",
    "Vpc": "AWS_VPC",
    "PrivateSubnets": "AWS_PRIVATE_SUBNETS",
    "PublicSubnets": "AWS_PUBLIC_SUBNETS",
    "TaskSecurityGroup": "AWS_TASK_SECURITY_GROUP",
    "PublicListener": "AWS_PUBLIC_LISTENER",
    "InternalListener": "AWS_INTERNAL_LISTENER",
    "ExecutionRole": "AWS_EXECUTION_ROLE",
    "TaskRole": "AWS_TASK_ROLE",
    "LogGroup": "AWS_LOG_GROUP",
    "PublicZone": "AWS_PUBLIC_ZONE",
    "PrivateZone": "AWS_PRIVATE_ZONE",
    "EventQueue": "AWS_EVENT_QUEUE",
}
"""Which output of the stack is which setting of the server."""

HOURS = 730  # of a month, as AWS's calculator counts them


@dataclass(frozen=True, slots=True)
class Cost:
    """What something costs a month in US dollars before it is used, and what use adds."""

    what: str
    dollars: float
    more: str = ""


def parameters(before: dict[str, str], wishes: dict[str, str]) -> dict[str, str]:
    """Return the parameters to apply: what is wished, else what was, else what is usual.

    Raises InvalidInput where they do not fit together.
    """
    chosen = {**DEFAULTS, **before, **wishes}
    if not chosen.get("Domain"):
        raise errors.no_domain()
    if chosen["Vpc"] and not (chosen["PublicSubnets"] and chosen["PrivateSubnets"]):
        raise errors.half_a_network()
    if chosen["Vpc"] and chosen["Egress"] == "nat":
        chosen["Egress"] = "none"  # the VPC has its own way out
    subnets = list(_network(chosen["VpcCidr"]).subnets(prefixlen_diff=2))
    chosen["PublicCidrs"] = ",".join(map(str, subnets[:2]))
    chosen["PrivateCidrs"] = ",".join(map(str, subnets[2:]))
    return chosen


def _network(cidr: str) -> ipaddress.IPv4Network:
    try:
        network = ipaddress.IPv4Network(cidr)
    except ValueError as error:
        raise errors.no_network(cidr, str(error)) from None
    if not 16 <= network.prefixlen <= 24:
        raise errors.no_network(cidr, "AWS takes /16 to /24 for a network of four subnets.")
    return network


def cidr_of(account: Account, vpc: str) -> str:
    """Return the addresses of a VPC. Raises InvalidInput when there is none."""
    found: list[Any] = []
    with speaking("look at the VPC"), tolerating("InvalidVpcID.NotFound"):
        found = account.client("ec2").describe_vpcs(VpcIds=[vpc])["Vpcs"]
    if not found:
        raise errors.no_vpc(vpc, account.region)
    return str(found[0]["CidrBlock"])


def costs(chosen: dict[str, str]) -> list[Cost]:
    """Return what the stack costs a month before any app runs (list prices of us-east-1)."""
    found = [
        Cost("2 load balancers", 2 * 0.0225 * HOURS, "$5.84 per LCU of load"),
        Cost("public IPv4 addresses", (2 + _has_nat(chosen)) * 0.005 * HOURS),
        Cost("hosted zones", 0.50 * (1 + (not chosen["Zone"]))),
    ]  # fmt: skip
    if _has_nat(chosen):
        found.insert(0, Cost("NAT gateway", 0.045 * HOURS, "$0.045 per GB"))
    if chosen["Egress"] == "endpoints":
        found.append(Cost("5 VPC endpoints in 2 zones", 10 * 0.01 * HOURS, "$0.01 per GB"))
    return found


PER_APP = (
    "Apps cost extra: on Fargate $9 a month per dyno of 0.25 vCPU and 0.5 GB, $0.40 per app for its "
    "config, $0.10 per GB of images, $0.50 per GB of output, and what Container Insights counts."
)


def _has_nat(chosen: dict[str, str]) -> bool:
    return not chosen["Vpc"] and chosen["Egress"] == "nat"


def settings_of(
    settings: Settings, outputs: dict[str, str], chosen: dict[str, str]
) -> dict[str, str]:
    """Return the server's settings that name what was made, as variables of the environment."""
    fixed = {
        "BACKEND": "aws",
        "AWS_REGION": settings.aws_region,
        "AWS_ENDPOINT_URL": settings.aws_endpoint_url,
        "APPS_DOMAIN": chosen["Domain"],
        "AWS_INTERNAL_DOMAIN": chosen["InternalDomain"],
    }
    made = {name: outputs[key] for key, name in SETTINGS.items()}
    return {f"EMPIRE_{name}": value for name, value in {**fixed, **made}.items()}


def no_settings() -> dict[str, str]:
    """Return the same variables, each empty."""
    known = settings_of(
        Settings(), dict.fromkeys(SETTINGS, ""), {"Domain": "", "InternalDomain": ""}
    )
    return dict.fromkeys(known, "")


def running_services(account: Account, cluster: str) -> list[str]:
    """Return the names of the services that still run in the cluster; none without a cluster."""
    arns: list[str] = []
    with speaking("look into the cluster"), tolerating("ClusterNotFoundException"):
        for page in account.client("ecs").get_paginator("list_services").paginate(cluster=cluster):
            arns += page["serviceArns"]
    return sorted(arn.rpartition("/")[2] for arn in arns)


def sweep_zone(account: Account, zone: str) -> None:
    """Delete the records by which certificates were validated: CloudFormation leaves them behind."""
    route53 = account.client("route53")
    with speaking("sweep the hosted zone"), tolerating("NoSuchHostedZone"):
        pages = route53.get_paginator("list_resource_record_sets").paginate(HostedZoneId=zone)
        rows = [row for page in pages for row in page["ResourceRecordSets"]]
        for row in rows:
            if row["Type"] == "CNAME" and row["Name"].startswith("_"):
                change = {"Action": "DELETE", "ResourceRecordSet": row}
                route53.change_resource_record_sets(
                    HostedZoneId=zone, ChangeBatch={"Changes": [change]}
                )
