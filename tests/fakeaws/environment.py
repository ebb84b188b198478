"""An environment for apps in the simulated account, made by calls as bootstrap's template does."""

import json
from collections.abc import Callable
from typing import Any

PREFIX = "empire"
CLUSTER = "empire"
LOG_GROUP = "/empire/apps"
NOT_FOUND = {
    "Type": "fixed-response",
    "FixedResponseConfig": {
        "StatusCode": "404",
        "ContentType": "text/plain",
        "MessageBody": "There is no such app.",
    },
}

Client = Callable[[str], Any]


def prepare(client: Client) -> dict[str, str]:
    """Make all that apps need and return it as settings."""
    vpc, private, public, tasks_group = _network(client("ec2"))
    elb = client("elbv2")
    certificate = client("acm").request_certificate(DomainName="*.example.com")
    secure = {
        "Protocol": "HTTPS",
        "Port": 443,
        "Certificates": [{"CertificateArn": certificate["CertificateArn"]}],
    }
    public_listener = _listener(elb, "empire-public", "internet-facing", public, secure)
    internal_listener = _listener(
        elb, "empire-internal", "internal", private, {"Protocol": "HTTP", "Port": 80}
    )
    client("ecs").create_cluster(clusterName=CLUSTER, capacityProviders=["FARGATE", "FARGATE_SPOT"])
    client("logs").create_log_group(logGroupName=LOG_GROUP)
    zones = _zones(client("route53"), vpc)
    _template(client("ecr"))
    made = {
        "region": "us-east-1",
        "cluster": CLUSTER,
        "vpc": vpc,
        "private_subnets": ",".join(private),
        "public_subnets": ",".join(public),
        "task_security_group": tasks_group,
        "public_listener": public_listener,
        "internal_listener": internal_listener,
        "execution_role": _role(client("iam"), "empire-execution"),
        "task_role": _role(client("iam"), "empire-task"),
        "log_group": LOG_GROUP,
        "public_zone": zones[0],
        "private_zone": zones[1],
        "internal_domain": "empire.internal",
        "event_queue": _queue(client("sqs"), client("events")),
    }
    return {f"EMPIRE_AWS_{name.upper()}": value for name, value in made.items()}


def _network(ec2: Any) -> tuple[str, list[str], list[str], str]:
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
    subnets = [
        ec2.create_subnet(
            VpcId=vpc, CidrBlock=f"10.0.{index}.0/24", AvailabilityZone=f"us-east-1{zone}"
        )["Subnet"]["SubnetId"]
        for index, zone in enumerate("abab")
    ]
    group = ec2.create_security_group(GroupName="empire-tasks", Description="-", VpcId=vpc)
    return vpc, subnets[:2], subnets[2:], group["GroupId"]


def _listener(elb: Any, name: str, scheme: str, subnets: list[str], speaks: dict[str, Any]) -> str:
    balancer = elb.create_load_balancer(Name=name, Subnets=subnets, Scheme=scheme)
    arn = balancer["LoadBalancers"][0]["LoadBalancerArn"]
    made = elb.create_listener(LoadBalancerArn=arn, DefaultActions=[NOT_FOUND], **speaks)
    listener: str = made["Listeners"][0]["ListenerArn"]
    return listener


def _zones(route53: Any, vpc: str) -> tuple[str, str]:
    public = route53.create_hosted_zone(Name="example.com", CallerReference="public")
    private = route53.create_hosted_zone(
        Name="empire.internal",
        CallerReference="private",
        VPC={"VPCRegion": "us-east-1", "VPCId": vpc},
        HostedZoneConfig={"PrivateZone": True},
    )
    first, second = (zone["HostedZone"]["Id"].rpartition("/")[2] for zone in (public, private))
    return first, second


def _role(iam: Any, name: str) -> str:
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": "sts:AssumeRole",
                "Principal": {"Service": "ecs-tasks.amazonaws.com"},
            }
        ],
    }
    made = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))
    arn: str = made["Role"]["Arn"]
    return arn


def _queue(sqs: Any, events: Any) -> str:
    url: str = sqs.create_queue(QueueName="empire-ecs-events")["QueueUrl"]
    asked = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    events.put_rule(Name="empire-ecs", EventPattern=json.dumps({"source": ["aws.ecs"]}))
    target = {"Id": "queue", "Arn": asked["Attributes"]["QueueArn"]}
    events.put_targets(Rule="empire-ecs", Targets=[target])
    return url


def _template(ecr: Any) -> None:
    ecr.create_repository_creation_template(
        prefix=PREFIX, appliedFor=["CREATE_ON_PUSH"], imageTagMutability="MUTABLE"
    )
