"""Certificates of domains in an account, from the wish to the removal."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from moto.acm.models import acm_backends

from empire import apps, certificates, domains
from empire.actors import Actor
from empire.apps import App
from empire.certificates import Certificate, Status
from empire.names import AppName
from tests.deployer.aws.doors import Doors, Make, client, hosts

WWW, FAR = "www.example.com", "www.example.org"


@pytest.fixture
def doors(make_doors: Make, monkeypatch: pytest.MonkeyPatch) -> Doors:
    monkeypatch.setenv("MOTO_ACM_VALIDATION_WAIT", "100000")
    monkeypatch.setattr("deployer.aws.certificates.ASK_SECONDS", 0)
    monkeypatch.setattr("deployer.aws.certificates.ASK_MAX_SECONDS", 0)
    monkeypatch.setattr("deployer.aws.certificates.LOOK_SECONDS", 0.01)
    return make_doors(tls=True)


@pytest.fixture
def shop(doors: Doors, ann: Actor) -> App:
    with doors.store.writing() as session:
        return apps.create(session, "shop", by=ann)


def want(doors: Doors, app: App, hostname: str, by: Actor) -> None:
    with doors.store.writing() as session:
        domain = domains.add(session, app, hostname, by=by)
        if certificates.find(session, hostname) is None:  # the store's own settings are local
            session.add(Certificate(hostname=domain.hostname, app=app.handle))


def unwant(doors: Doors, app: App, hostname: str, by: Actor) -> None:
    with doors.store.writing() as session:
        domains.remove(session, app, domains.find(session, app, hostname), by=by)


def row(doors: Doors, hostname: str) -> Certificate | None:
    with doors.store.reading() as session:
        return certificates.find(session, hostname)


def status(doors: Doors, hostname: str) -> tuple[Status, str]:
    found = row(doors, hostname)
    assert found
    return found.status, found.reason


def served(doors: Doors, listener: str = "") -> list[str]:
    """Return the names of the certificates that were added to the listener."""
    rows = doors.elb.describe_listener_certificates(
        ListenerArn=listener or doors.settings.aws_public_listener
    )["Certificates"]
    acm = client("acm")
    found = [one["CertificateArn"] for one in rows if not one.get("IsDefault")]
    names = [
        acm.describe_certificate(CertificateArn=arn)["Certificate"]["DomainName"] for arn in found
    ]
    return sorted(name for name in names if name != "*.apps.example.com")


def known(doors: Doors) -> list[str]:
    found = client("acm").list_certificates()["CertificateSummaryList"]
    return sorted(one["DomainName"] for one in found if one["DomainName"] != "*.apps.example.com")


def issue(doors: Doors, hostname: str, state: str = "ISSUED") -> None:
    """Play ACM, which looked at the DNS."""
    found = row(doors, hostname)
    assert found
    acm_backends["123456789012"]["us-east-1"]._certificates[found.arn].status = state


def test_a_domain_in_our_zone_gets_its_certificate_by_itself(
    doors: Doors, shop: App, ann: Actor
) -> None:
    want(doors, shop, WWW, ann)
    doors.certificates.look()
    doors.certificates.look()
    assert status(doors, WWW)[0] == Status.PENDING
    assert status(doors, WWW)[1].startswith("AWS looks for _")
    [(name, kind)] = doors.records()
    assert (name.endswith(".www.example.com"), kind) == (True, "CNAME")
    doors.certificates.look()
    assert served(doors) == []

    issue(doors, WWW)
    doors.certificates.look()
    assert (status(doors, WWW), served(doors)) == ((Status.OK, ""), [WWW])
    doors.taken()
    doors.certificates.look()
    assert doors.taken() == []

    unwant(doors, shop, WWW, ann)
    doors.certificates.look()
    assert (row(doors, WWW), served(doors), known(doors), doors.records()) == (None, [], [], {})


def test_a_domain_elsewhere_says_which_record_it_waits_for(
    doors: Doors, shop: App, ann: Actor
) -> None:
    want(doors, shop, FAR, ann)
    for _ in range(3):
        doors.certificates.look()
    state, reason = status(doors, FAR)
    assert state == Status.PENDING
    assert reason.startswith("In the DNS, make _")
    assert reason.endswith("AWS looks for it.")
    assert doors.records() == {}


def test_a_certificate_that_is_not_issued_says_why(doors: Doors, shop: App, ann: Actor) -> None:
    want(doors, shop, FAR, ann)
    doors.certificates.look()
    issue(doors, FAR, "VALIDATION_TIMED_OUT")
    doors.certificates.look()
    assert status(doors, FAR) == (Status.FAILED, "AWS did not issue it: validation timed out.")


def test_a_certificate_that_somebody_deleted_is_asked_for_again(
    doors: Doors, shop: App, ann: Actor
) -> None:
    want(doors, shop, WWW, ann)
    doors.certificates.look()
    found = row(doors, WWW)
    assert found
    client("acm").delete_certificate(CertificateArn=found.arn)
    doors.certificates.look()
    doors.certificates.look()
    assert known(doors) == [WWW]


def test_an_app_takes_its_certificates_along_when_it_goes(
    doors: Doors, shop: App, ann: Actor
) -> None:
    for hostname in (WWW, FAR):
        want(doors, shop, hostname, ann)
    doors.certificates.look()
    for hostname in (WWW, FAR):
        issue(doors, hostname)
    doors.certificates.look()
    assert served(doors) == [FAR, WWW] or served(doors) == [WWW, FAR]

    doors.router.remove(AppName("shop"))
    assert (row(doors, WWW), served(doors), known(doors), doors.records()) == (None, [], [], {})


def test_a_domain_that_comes_back_begins_anew(doors: Doors, shop: App, ann: Actor) -> None:
    want(doors, shop, WWW, ann)
    doors.certificates.look()
    unwant(doors, shop, WWW, ann)
    delete = doors.certificates._authority.delete

    def late(arn: str) -> bool:
        want(doors, shop, WWW, ann)
        return delete(arn)

    play(doors, "delete", late)
    doors.certificates.look()
    again = row(doors, WWW)
    assert again
    assert (again.status, again.arn, known(doors)) == (Status.PENDING, "", [])
    doors.certificates.look()
    assert known(doors) == [WWW]


def play(doors: Doors, method: str, instead: Callable[..., Any]) -> None:
    """Let the next call of the authority's method happen otherwise."""
    authority = doors.certificates._authority
    usual = getattr(authority, method)

    def once(*arguments: Any) -> Any:
        setattr(authority, method, usual)
        return instead(*arguments)

    setattr(authority, method, once)


def test_a_certificate_in_use_goes_later(doors: Doors, shop: App, ann: Actor) -> None:
    want(doors, shop, WWW, ann)
    doors.certificates.look()
    unwant(doors, shop, WWW, ann)
    play(doors, "delete", lambda arn: False)
    doors.certificates.look()
    assert row(doors, WWW)
    doors.certificates.look()
    assert row(doors, WWW) is None


def test_a_name_and_its_wildcard_share_their_record(doors: Doors, shop: App, ann: Actor) -> None:
    for hostname in ("a.example.com", "*.a.example.com"):
        want(doors, shop, hostname, ann)
    for _ in range(2):
        doors.certificates.look()
    count = len(doors.records())
    unwant(doors, shop, "*.a.example.com", ann)
    doors.certificates.look()
    # It stays for the other.
    assert len(doors.records()) == count
    unwant(doors, shop, "a.example.com", ann)
    doors.certificates.look()
    assert known(doors) == []


def test_a_certificate_follows_its_app_to_another_listener(
    doors: Doors, shop: App, ann: Actor
) -> None:
    want(doors, shop, WWW, ann)
    doors.certificates.look()
    issue(doors, WWW)
    doors.certificates.look()
    other = doors.load_balancer.fronts.grow("public", frozenset())
    doors.settings.__dict__["aws_public_listener"] = other
    doors.load_balancer.ensure(shop.handle, hosts("shop.apps.example.com"), False)
    doors.certificates.look()
    found = row(doors, WWW)
    assert found
    assert (found.places, served(doors, other)) == (other, [WWW])


def test_where_nothing_is_secure_no_certificate_is_asked_for(make_doors: Make, ann: Actor) -> None:
    doors = make_doors(tls=False)
    with doors.store.writing() as session:
        shop = apps.create(session, "shop", by=ann)
    want(doors, shop, WWW, ann)
    doors.certificates.look()
    assert (row(doors, WWW), known(doors)) == (None, [])


def test_a_refusal_is_told_and_tried_again(doors: Doors, shop: App, ann: Actor) -> None:
    want(doors, shop, WWW, ann)

    def refuse(**_: Any) -> tuple[Any, dict[str, Any]]:
        class Answer:
            status_code = 400

        return Answer(), {"Error": {"Code": "LimitExceededException", "Message": "So many."}}

    events = doors.account.client("acm").meta.events
    events.register("before-call.acm.RequestCertificate", refuse)
    doors.certificates.look()
    assert status(doors, WWW) == (
        Status.PENDING,
        "AWS refused to ask for a certificate of www.example.com. So many.",
    )
    events.unregister("before-call.acm.RequestCertificate", refuse)
    doors.certificates.look()
    assert known(doors) == [WWW]


def test_a_listener_that_is_full_says_so(doors: Doors, shop: App, ann: Actor) -> None:
    want(doors, shop, WWW, ann)
    doors.certificates.look()
    issue(doors, WWW)

    def refuse(**_: Any) -> tuple[Any, dict[str, Any]]:
        class Answer:
            status_code = 400

        return Answer(), {"Error": {"Code": "TooManyCertificates", "Message": "25 are all."}}

    events = doors.account.client("elbv2").meta.events
    name = "before-call.elastic-load-balancing-v2.AddListenerCertificates"
    events.register(name, refuse)
    doors.certificates.look()
    assert status(doors, WWW) == (
        Status.PENDING,
        "The load balancer serves as many certificates as it may: 25 are all.",
    )
    events.unregister(name, refuse)
    doors.certificates.look()
    assert status(doors, WWW) == (Status.OK, "")


def test_what_cannot_be_served_says_why(doors: Doors, shop: App, ann: Actor) -> None:
    want(doors, shop, WWW, ann)
    doors.certificates.look()
    issue(doors, WWW)
    refusing = refusal("AccessDenied", "Not you.")
    events = doors.account.client("elbv2").meta.events
    name = "before-call.elastic-load-balancing-v2.AddListenerCertificates"
    events.register(name, refusing)
    doors.certificates.look()
    assert status(doors, WWW)[1].startswith("AWS refused to let the load balancer serve")
    events.unregister(name, refusing)
    doors.certificates.look()
    assert status(doors, WWW) == (Status.OK, "")


def test_a_deletion_that_is_refused_is_tried_again(doors: Doors, shop: App, ann: Actor) -> None:
    want(doors, shop, WWW, ann)
    doors.certificates.look()
    unwant(doors, shop, WWW, ann)
    events = doors.account.client("acm").meta.events
    for code in ("ResourceInUseException", "AccessDeniedException"):
        refusing = refusal(code, "Later.")
        events.register("before-call.acm.DeleteCertificate", refusing)
        doors.certificates.look()
        events.unregister("before-call.acm.DeleteCertificate", refusing)
        assert known(doors) == [WWW]
    doors.certificates.look()
    assert (row(doors, WWW), known(doors)) == (None, [])


def refusal(code: str, text: str) -> Callable[..., tuple[Any, dict[str, Any]]]:
    """Return what answers a call as AWS refuses it."""

    class Answer:
        status_code = 400

    return lambda **_: (Answer(), {"Error": {"Code": code, "Message": text}})


def test_the_loop_looks_until_it_is_stopped(doors: Doors, shop: App, ann: Actor) -> None:
    stopping = threading.Event()
    watch = threading.Thread(target=doors.router.watch, args=(stopping,))
    watch.start()
    want(doors, shop, WWW, ann)
    rings = doors.store.bell.rings
    while not (found := row(doors, WWW)) or not found.arn:
        doors.store.bell.wait(rings, 5)
    stopping.set()
    watch.join(60)
    assert not watch.is_alive()
