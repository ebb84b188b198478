"""Domains of an app on an AWS account: routed, named in the zone, certified; and internal apps."""

import pytest

from empire.names import Hostname
from tests.backend import ask
from tests.cloud import Cloud, edge_of, left_of
from tests.product import wait_until
from tests.samples import with_dockerfile

pytestmark = [pytest.mark.docker, pytest.mark.timeout(300)]

WWW = "www.named.example.com"


def visit(aws: Cloud, hostname: str) -> tuple[int, str]:
    return ask(aws.http_port, Hostname(hostname))


def test_a_domain_is_routed_named_and_certified_until_it_goes(aws: Cloud) -> None:
    repository = aws.repository("named", with_dockerfile("one"))
    aws.push(repository)

    added = aws.empire("domains:add", WWW, "-a", "named")
    far = aws.empire("domains:add", "*.named.example.org", "-a", "named")

    assert added.stdout == "named.localhost\n"
    assert f"empire domains:wait {WWW}" in added.stderr
    assert visit(aws, WWW) == (200, "version one")
    assert visit(aws, "any.named.example.org") == (200, "version one")
    waited = aws.empire("domains:wait", WWW, "-a", "named")
    assert waited.stderr.endswith(f"{WWW} is ready.\n")
    edge = edge_of(aws, "named.example")
    assert edge["certificates"] == ["*.named.example.org", WWW]
    assert (WWW, "A") in edge["records"]
    assert edge["served"] == [WWW]
    wait_until(
        lambda: "In the DNS, make _" in aws.empire("domains", "-a", "named").stdout,
        "it says which record a domain elsewhere waits for",
    )

    aws.empire("domains:remove", WWW, "-a", "named")
    aws.empire("domains:remove", "*.named.example.org", "-a", "named")

    assert far.stdout == "named.localhost\n"
    assert visit(aws, WWW)[0] == 404
    wait_until(lambda: not any(edge_of(aws, "named.example").values()), "nothing of it is left")
    assert aws.ask("named") == (200, "version one")


def test_a_destroyed_app_takes_its_domains_along(aws: Cloud) -> None:
    aws.push(aws.repository("going", with_dockerfile("one")))
    aws.empire("domains:add", "www.going.example.com", "-a", "going")
    aws.empire("domains:wait", "-a", "going")
    aws.empire("maintenance:on", "-a", "going")
    assert visit(aws, "www.going.example.com")[0] == 503

    aws.empire("apps:destroy", "-a", "going", "--confirm", "going")

    wait_until(lambda: left_of(aws, "going") == {}, "nothing is left")
    assert not any(edge_of(aws, "going.").values())
    assert aws.ask("going")[0] == 404


def test_an_internal_app_answers_inside_alone(aws: Cloud) -> None:
    made = aws.empire("apps:create", "--internal", "inside", "--no-remote")
    aws.push(aws.repository("inside", with_dockerfile("one")))

    assert "inside.empire.internal" in made.stdout
    assert aws.simulator
    assert ask(aws.simulator.internal_port, Hostname("inside.empire.internal")) == (
        200,
        "version one",
    )
    assert visit(aws, "inside.empire.internal")[0] == 404
    assert "Internal:" in aws.empire("apps:info", "inside").stdout
