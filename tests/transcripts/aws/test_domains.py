"""Domains of an app on an AWS account: routed and certified; and internal apps."""

import re

import pytest

from empire.names import Hostname
from tests.backend import ask
from tests.cloud import Cloud, edge_of, left_of
from tests.samples import with_dockerfile
from tests.waiting import wait_until

pytestmark = pytest.mark.docker

WWW = "www.named.example.org"
NOT_FOUND = (301, 404)
"""One listener sends what no rule takes to the secure one, the other knows no such app."""
WAITS = re.compile(r"In the DNS, make (\S+) a CNAME of (\S+);")


def visit(aws: Cloud, hostname: str) -> tuple[int, str]:
    return ask(aws.http_port, Hostname(hostname))


def make_record(aws: Cloud, app: str) -> None:
    """Do what the list of domains asks for, in a zone that is not the server's."""
    listed: list[str] = []

    def is_asked() -> bool:
        listed[:] = [aws.empire("domains", "-a", app).stdout]
        return WAITS.search(listed[0]) is not None

    wait_until(is_asked, "the list says which record is waited for")
    found = WAITS.search(listed[0])
    assert found
    route53 = aws.client("route53")
    zone = route53.create_hosted_zone(Name="example.org", CallerReference=app)["HostedZone"]["Id"]
    record = {
        "Name": found[1],
        "Type": "CNAME",
        "TTL": 60,
        "ResourceRecords": [{"Value": found[2]}],
    }
    route53.change_resource_record_sets(
        HostedZoneId=zone,
        ChangeBatch={"Changes": [{"Action": "CREATE", "ResourceRecordSet": record}]},
    )


def test_a_domain_is_routed_and_certified_until_it_goes(aws: Cloud) -> None:
    aws.push(aws.repository("named", with_dockerfile("one")))

    added = aws.empire("domains:add", WWW, "-a", "named")
    aws.empire("domains:add", "*.wide.example.net", "-a", "named")

    assert added.stdout == "named.example.com\n"
    assert f"empire domains:wait {WWW}" in added.stderr
    assert visit(aws, WWW) == (200, "version one")
    assert visit(aws, "any.wide.example.net") == (200, "version one")
    aws.empire("domains:remove", "*.wide.example.net", "-a", "named")
    assert visit(aws, "any.wide.example.net")[0] in NOT_FOUND
    make_record(aws, "named")
    waited = aws.empire("domains:wait", WWW, "-a", "named")
    assert waited.stderr.endswith(f"{WWW} is ready.\n")
    edge = edge_of(aws, "named.example.org")
    assert (edge["certificates"], edge["served"]) == ([WWW], [WWW])

    aws.empire("domains:remove", WWW, "-a", "named")

    assert visit(aws, WWW)[0] in NOT_FOUND
    wait_until(lambda: not any(edge_of(aws, "named.example.org").values()), "nothing is left")
    assert aws.ask("named") == (200, "version one")


def test_a_destroyed_app_takes_its_domains_along(aws: Cloud) -> None:
    hostname = "www.going.example.org"
    aws.push(aws.repository("going", with_dockerfile("one")))
    aws.empire("domains:add", hostname, "-a", "going")
    make_record(aws, "going")
    aws.empire("domains:wait", "-a", "going")
    aws.empire("maintenance:on", "-a", "going")
    assert visit(aws, hostname)[0] == 503

    aws.empire("apps:destroy", "-a", "going", "--confirm", "going")

    wait_until(lambda: left_of(aws, "going") == {}, "nothing is left")
    assert not any(edge_of(aws, "going.").values())
    assert visit(aws, hostname)[0] in NOT_FOUND


def test_an_internal_app_answers_inside_alone(aws: Cloud) -> None:
    made = aws.empire("apps:create", "--internal", "inside", "--no-remote")
    aws.push(aws.repository("inside", with_dockerfile("one")))

    assert "inside.empire.internal" in made.stdout
    assert aws.simulator
    assert ask(aws.simulator.internal_port, Hostname("inside.empire.internal")) == (
        200,
        "version one",
    )
    assert visit(aws, "inside.empire.internal")[0] in NOT_FOUND
    assert "Internal:" in aws.empire("apps:info", "inside").stdout
