"""Visitors at the load balancers of a simulated account: names, pages, certificates, one more door."""

from collections.abc import Iterator

import pytest

from empire import apps, certificates, domains
from empire.actors import Actor
from empire.certificates import Certificate, Status
from empire.names import AppName, Hostname
from empire.store import Store
from tests.backend import Backend, ask
from tests.contracts.filled_router import FilledRouter, filled_router
from tests.deployer.aws.doors import hosts
from tests.fakeaws.simulator import Simulator
from tests.waiting import wait_until

pytestmark = [pytest.mark.docker]

DOOR, INNER = AppName("door"), AppName("inner")


@pytest.fixture
def router(simulator: Simulator, store: Store) -> Iterator[FilledRouter]:
    router = filled_router(simulator, store, aws_rules_max=100, apps_domain="door.example.com")
    yield router
    router.close()


def test_a_visitor_in_maintenance_reads_a_page(router: FilledRouter, simulator: Simulator) -> None:
    names = hosts("door.door.example.com", "*.wide.example.com")
    with Backend("v1") as v1, Backend("v2") as v2:
        router.switch(DOOR, names, (v1.target,))
        assert ask(simulator.alb_port, "x.wide.example.com") == (200, "v1")

        router.switch(DOOR, names, (v1.target,), in_maintenance=True)
        status, page = ask(simulator.alb_port, "x.wide.example.com")
        assert (status, "Down for maintenance" in page) == (503, True)

        # A version that comes meanwhile is probed and ready when the page goes.
        router.switch(DOOR, names, (v2.target,), in_maintenance=True)
        assert ask(simulator.alb_port, "door.door.example.com")[0] == 503
        router.switch(DOOR, names, (v2.target,))
        assert ask(simulator.alb_port, "door.door.example.com") == (200, "v2")


def test_an_internal_app_is_not_seen_outside(router: FilledRouter, simulator: Simulator) -> None:
    names = hosts("inner.empire.internal")
    with Backend("v1") as v1:
        router.switch(INNER, names, (v1.target,))
        assert ask(simulator.internal_port, names[0]) == (200, "v1")
        assert ask(simulator.alb_port, names[0])[0] == 404


def test_apps_on_two_load_balancers_both_answer(simulator: Simulator, store: Store) -> None:
    router = filled_router(simulator, store, aws_rules_max=6, apps_domain="door.example.com")
    try:
        with Backend("v1") as v1:
            for app in ("one", "two"):
                name = Hostname(f"{app}.door.example.com")
                router.switch(AppName(app), (name,), (v1.target,))
                assert ask(simulator.alb_port, name) == (200, "v1")
        listeners = {place.listener for place in router.doors.places.all().values()}
        assert len(listeners) == 2
    finally:
        router.close()
    elb = router.account.client("elbv2")
    names = [row["LoadBalancerName"] for row in elb.describe_load_balancers()["LoadBalancers"]]
    assert "empire-public-2" not in names
    router.account.close()


def test_a_domain_gets_its_certificate_and_loses_it(
    router: FilledRouter, store: Store, ann: Actor
) -> None:
    hostname = "www.door-shop.example.com"
    with store.writing() as session:
        app = apps.create(session, "door", by=ann)
        domain = domains.add(session, app, hostname, by=ann)
        session.add(Certificate(hostname=domain.hostname, app=app.handle))

    def certificate() -> Certificate | None:
        router.certificates.look()
        with store.reading() as session:
            return certificates.find(session, hostname)

    def is_served() -> bool:
        found = certificate()
        return found is not None and found.status == Status.OK

    wait_until(is_served, "the certificate is served")
    found = certificate()
    assert found
    elb, acm = router.account.client("elbv2"), router.account.client("acm")
    served = elb.describe_listener_certificates(ListenerArn=found.places)["Certificates"]
    assert found.arn in [one["CertificateArn"] for one in served]

    with store.writing() as session:
        domains.remove(session, app, domain, by=ann)
    wait_until(lambda: certificate() is None, "the certificate is gone")
    summaries = acm.list_certificates()["CertificateSummaryList"]
    assert found.arn not in [one["CertificateArn"] for one in summaries]
    records = router.account.client("route53").list_resource_record_sets(
        HostedZoneId=router.account.settings.aws_public_zone
    )["ResourceRecordSets"]
    assert not [row for row in records if "door-shop" in row["Name"]]
