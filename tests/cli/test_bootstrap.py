"""`empire bootstrap aws` against an account that answers as AWS does."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from moto import mock_aws

from cli import main
from deployer.aws.account import Account
from empire.errors import EmpireError
from empire.settings import Settings
from tests.fakeaws import stacks

FIRST = ("--domain", "apps.example.com", "--yes")
LEFT_BEHIND = {
    "Name": "_a1.apps.example.com",
    "Type": "CNAME",
    "TTL": 300,
    "ResourceRecords": [{"Value": "_b2.acm-validations.aws"}],
}
"""The record of a certificate's validation, as CloudFormation leaves it."""


@pytest.fixture(autouse=True)
def account(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Account]:
    """An account with nothing in it."""
    stacks.install({})
    monkeypatch.setenv("EMPIRE_HOME", str(tmp_path / "home"))
    with mock_aws():
        yield Account(Settings())


def bootstrap(*options: str) -> None:
    try:
        main.main(["bootstrap", "aws", *options])
    except SystemExit as ended:
        assert ended.code == 0  # noqa: PT017 - the command ends so


def said(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().err


def test_the_first_run_makes_all_and_keeps_the_settings(
    capsys: pytest.CaptureFixture[str], account: Account
) -> None:
    bootstrap(*FIRST)

    told = said(capsys)
    assert "In account 123456789012, us-east-1" in told
    assert "+ EC2 Subnet" in told
    assert "It costs $78 a month" in told
    assert "AppCluster (ECS Cluster) is made" in told
    settings = Settings.read()
    assert (settings.backend, settings.apps_domain) == ("aws", "apps.example.com")
    assert settings.aws_public_listener.startswith("arn:aws:elasticloadbalancing:")
    assert len(settings.aws_private_subnets.split(",")) == 2
    assert (settings.home / "settings.env").stat().st_mode & 0o777 == 0o600
    queue = account.client("sqs").get_queue_url(QueueName="empire-ecs-events")["QueueUrl"]
    assert queue == settings.aws_event_queue


def test_tasks_let_nobody_in_but_the_load_balancers(account: Account) -> None:
    bootstrap(*FIRST)

    groups = account.client("ec2").describe_security_groups()["SecurityGroups"]
    by_name = {group["GroupName"]: group for group in groups}
    doors = {by_name[name]["GroupId"] for name in ("empire-public", "empire-internal")}
    entrances = by_name["empire-tasks"]["IpPermissions"]
    assert {pair["GroupId"] for one in entrances for pair in one["UserIdGroupPairs"]} == doors
    assert not any(one["IpRanges"] for one in entrances)


def test_a_second_run_changes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    bootstrap(*FIRST)
    before = Settings.read()
    said(capsys)

    bootstrap()

    assert said(capsys).startswith("Nothing to change.\n")
    assert Settings.read() == before


def test_a_later_run_changes_what_differs(capsys: pytest.CaptureFixture[str]) -> None:
    bootstrap(*FIRST)
    said(capsys)

    bootstrap("--tls", "--log-days", "7", "--yes")

    told = said(capsys)
    assert [line.split()[1:4] for line in told.splitlines() if line[:4] in ("  + ", "  ~ ")] == [
        ["CertificateManager", "Certificate", "WildcardCertificate"],
        ["ELB", "Listener", "PublicHttps"],
        ["ELB", "Listener", "PublicHttp"],
        ["Logs", "LogGroup", "AppLogs"],
    ]
    assert "get the certificate" not in told


def test_nothing_happens_without_a_yes(account: Account) -> None:
    with pytest.raises(EmpireError, match="Nothing was changed"):
        bootstrap("--domain", "apps.example.com")

    assert account.client("ecs").list_clusters()["clusterArns"] == []
    assert not (Settings.read().home / "settings.env").exists()


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ((), "Under which domain"),
        (("--domain", "example.com", "--network", "10.0.0.0/8"), "cannot be the VPC's addresses"),
        (("--domain", "example.com", "--network", "home"), "cannot be the VPC's addresses"),
        (("--domain", "example.com", "--vpc", "vpc-0a"), "There is no VPC vpc-0a in eu-west-1"),
        (("--destroy",), "There is nothing of Empire's in eu-west-1"),
    ],
)
def test_what_cannot_be_is_explained(options: tuple[str, ...], what: str) -> None:
    with pytest.raises(EmpireError, match=what) as caught:
        bootstrap("--region", "eu-west-1", *options)

    assert caught.value.fix


def test_a_network_of_ones_own_is_used(
    capsys: pytest.CaptureFixture[str], account: Account
) -> None:
    ec2 = account.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.1.{n}.0/24")["Subnet"]["SubnetId"]
        for n in range(4)
    ]
    with pytest.raises(EmpireError, match="needs its subnets too"):
        bootstrap("--vpc", vpc, *FIRST)

    bootstrap(
        "--vpc", vpc, "--public-subnets", ",".join(subnets[:2]),
        "--private-subnets", ",".join(subnets[2:]), *FIRST,
    )  # fmt: skip

    assert "NAT" not in said(capsys)
    settings = Settings.read()
    assert settings.aws_vpc == vpc
    assert settings.aws_private_subnets == ",".join(subnets[2:])


def test_a_failure_tells_why_and_the_next_run_begins_anew(
    capsys: pytest.CaptureFixture[str], account: Account
) -> None:
    ecs_trust = "{}"
    account.client("iam").create_role(RoleName="empire-exec", AssumeRolePolicyDocument=ecs_trust)

    with pytest.raises(EmpireError, match="ROLLBACK_COMPLETE") as caught:
        bootstrap(*FIRST)

    assert "empire-exec already exists" in caught.value.why
    account.client("iam").delete_role(RoleName="empire-exec")
    said(capsys)
    bootstrap(*FIRST)
    assert said(capsys).startswith("An earlier try failed")
    assert Settings.read().aws_execution_role.endswith(":role/empire-exec")


def test_destroying_leaves_nothing(capsys: pytest.CaptureFixture[str], account: Account) -> None:
    bootstrap(*FIRST)
    with pytest.raises(EmpireError, match="Nothing was changed"):
        bootstrap("--destroy")

    account.client("route53").change_resource_record_sets(
        HostedZoneId=Settings.read().aws_public_zone,
        ChangeBatch={"Changes": [{"Action": "CREATE", "ResourceRecordSet": LEFT_BEHIND}]},
    )

    bootstrap("--destroy", "--yes")

    assert "All of it is gone." in said(capsys)
    assert account.client("route53").list_hosted_zones()["HostedZones"] == []
    assert (Settings.read().home / "settings.env").read_text() == ""
    assert account.client("ecs").list_clusters()["clusterArns"] == []
    assert account.client("iam").list_roles()["Roles"] == []
    assert account.client("iam").list_policies(Scope="Local")["Policies"] == []
    vpcs = account.client("ec2").describe_vpcs()["Vpcs"]
    assert [vpc["IsDefault"] for vpc in vpcs] == [True]


def test_a_cluster_in_which_apps_run_is_not_destroyed(account: Account) -> None:
    bootstrap(*FIRST)
    ecs = account.client("ecs")
    ecs.register_task_definition(
        family="e-shop--worker",
        containerDefinitions=[{"name": "worker", "image": "x", "memory": 128}],
    )
    ecs.create_service(
        cluster="empire", serviceName="shop--worker", taskDefinition="e-shop--worker"
    )

    with pytest.raises(EmpireError, match="Apps still run there: shop--worker"):
        bootstrap("--destroy", "--yes")


def test_descriptions_hold_only_what_ec2_takes(account: Account) -> None:
    bootstrap(*FIRST)

    groups = account.client("ec2").describe_security_groups()["SecurityGroups"]
    texts = [group["Description"] for group in groups if group["GroupName"].startswith("empire")]
    assert [
        text for text in texts if re.search(r"[^a-zA-Z0-9 ._:/()#,@\[\]+=&;{}!$*-]", text)
    ] == []


def test_the_template_can_be_printed(capsys: pytest.CaptureFixture[str]) -> None:
    bootstrap("--print")

    printed = capsys.readouterr().out
    assert "AWSTemplateFormatVersion" in printed
    assert "@policies/" not in printed
