"""empire bootstrap aws: makes an account ready, or takes all of it down. Runs where the server runs."""

import sys
from itertools import groupby
from typing import Annotated

import typer

from cli.output import data, say
from deployer.aws import bootstrap, stack_errors
from deployer.aws.account import Account, speaking
from deployer.aws.stack import NAME, Plan, Stack, kind
from deployer.aws.template import template
from empire.events import Stream, masked
from empire.settings import Settings, keep

SIGNS = {"Add": "+", "Modify": "~", "Remove": "-"}


def aws(
    domain: Annotated[str, typer.Option(help="An app hello answers at hello.DOMAIN.")] = "",
    zone: Annotated[str, typer.Option(help="The id of DOMAIN's hosted zone, where there is one.")] = "",
    certificate: Annotated[str, typer.Option(help="The ARN of a certificate of *.DOMAIN.")] = "",
    tls: Annotated[
        bool, typer.Option("--tls", help="Make the certificate of *.DOMAIN: its zone answers already.")
    ] = False,
    internal_domain: Annotated[str, typer.Option(help="The same for internal apps.")] = "",
    vpc: Annotated[str, typer.Option(help="A VPC of your own, instead of a new one.")] = "",
    public_subnets: Annotated[str, typer.Option(help="Its public subnets, with commas.")] = "",
    private_subnets: Annotated[str, typer.Option(help="Its private subnets, with commas.")] = "",
    network: Annotated[str, typer.Option(help="The addresses of a new VPC, as 10.90.0.0/16.")] = "",
    egress: Annotated[str, typer.Option(help="How apps get out: nat, endpoints or none.")] = "",
    cluster: Annotated[str, typer.Option(help="The name of the ECS cluster.")] = "",
    instances: Annotated[str, typer.Option(help="How many EC2 instances may join.")] = "",
    instance_type: Annotated[str, typer.Option(help="Of which type they are.")] = "",
    log_days: Annotated[str, typer.Option(help="How long the apps' output is kept.")] = "",
    no_scan: Annotated[bool, typer.Option("--no-scan", help="Do not scan images.")] = False,
    region: Annotated[str, typer.Option(help="The AWS region.")] = "",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    print_: Annotated[bool, typer.Option("--print", help="Print the template and do nothing.")] = False,
    destroy: Annotated[bool, typer.Option("--destroy", help="Take all of it down.")] = False,
) -> None:  # fmt: skip
    """Make an AWS account ready for apps, or change what differs."""
    if print_:
        data(template().rstrip())
        return
    settings = _settings(region)
    account = Account(settings)
    if destroy:
        _destroy(settings, account, is_sure=yes)
        return
    wishes = {
        "Domain": domain,
        "Zone": zone,
        "Certificate": certificate,
        "Tls": "yes" if tls else "",
        "InternalDomain": internal_domain,
        "Vpc": vpc,
        "PublicSubnets": public_subnets,
        "PrivateSubnets": private_subnets,
        "VpcCidr": bootstrap.cidr_of(account, vpc) if vpc else network,
        "Egress": egress,
        "Cluster": cluster,
        "InstancesMax": instances,
        "InstanceType": instance_type,
        "LogDays": log_days,
        "Scan": "no" if no_scan else "",
    }
    _make(settings, account, {key: value for key, value in wishes.items() if value}, is_sure=yes)


def _settings(region: str) -> Settings:
    settings = Settings.read()
    return settings.model_copy(update={"aws_region": region}) if region else settings


def _make(settings: Settings, account: Account, wishes: dict[str, str], *, is_sure: bool) -> None:
    stack = Stack(account)
    before = stack.parameters()
    chosen = bootstrap.parameters(before, wishes)
    if stack.is_broken:
        say("An earlier try failed; what it left is removed first.")
        _tell(stack.remove())
    plan = stack.plan(template(), chosen)
    if plan is None:
        say("Nothing to change.")
    else:
        _announce(account, plan, chosen)
        if not (is_sure or _agrees("Go on?")):
            stack.drop(plan)
            raise stack_errors.not_agreed()
        _tell(stack.apply(plan))
    outputs = stack.outputs()
    settings.prepare_home()
    keep(settings.home, bootstrap.settings_of(settings, outputs, chosen))
    _conclude(settings, outputs, chosen)


def _announce(account: Account, plan: Plan, chosen: dict[str, str]) -> None:
    with speaking("tell whose account it is"):
        owner = account.client("sts").get_caller_identity()["Account"]
    say(f"In account {owner}, {account.region}, stack {NAME}:")
    rows = sorted(plan.changes, key=lambda one: (one.action, kind(one.type), one.name))
    for (action, what), changes in groupby(rows, lambda one: (one.action, kind(one.type))):
        names = [f"{one.name} (anew)" if one.is_replaced else one.name for one in changes]
        say(f"  {SIGNS.get(action, action)} {what:36} {', '.join(names)}")
    costs = bootstrap.costs(chosen)
    say(f"It costs ${sum(cost.dollars for cost in costs):.0f} a month before any app runs:")
    for cost in costs:
        more = f"  + {cost.more}" if cost.more else ""
        say(f"  {cost.what:28} ${cost.dollars:6.2f}{more}")
    say(bootstrap.PER_APP)


def _conclude(settings: Settings, outputs: dict[str, str], chosen: dict[str, str]) -> None:
    say(f"The server's settings are in {settings.home / 'settings.env'}.")
    if servers := outputs.get("NameServers"):
        say(f"Let the domain above {chosen['Domain']} name these servers for it (NS records):")
        for server in servers.split(","):
            data(server)
        if chosen["Tls"] == "no":
            say("When they answer, get the certificate: empire bootstrap aws --tls")
    say("Start the server: empire serve")


def _destroy(settings: Settings, account: Account, *, is_sure: bool) -> None:
    stack = Stack(account)
    if not stack.is_there:
        raise stack_errors.nothing_there(account.region)
    cluster = stack.parameters().get("Cluster") or settings.aws_cluster
    if services := bootstrap.running_services(account, cluster):
        raise stack_errors.still_inhabited(services)
    say(f"This takes down the stack {NAME} in {account.region}: network, load balancers, cluster,")
    say("roles, names, and the apps' output that is kept.")
    if not (is_sure or _agrees("Take it down?")):
        raise stack_errors.not_agreed()
    if not stack.parameters().get("Zone"):
        bootstrap.sweep_zone(account, stack.outputs().get("PublicZone", ""))
    _tell(stack.remove())
    keep(settings.home, bootstrap.no_settings())
    say("All of it is gone.")


def _tell(events: Stream[None]) -> None:
    for event in events:
        say(masked(str(event)))


def _agrees(question: str) -> bool:
    return sys.stdin.isatty() and typer.confirm(question, err=True)
