"""/apps/{app}/domains, in Heroku's shape."""

from urllib.parse import quote

import httpx
import pytest

from empire.access import Actor
from empire.certificates import Certificate, Status
from empire.errors import TooMuch
from empire.names import AppName, DomainName
from empire.users import Role
from tests.apiserver.forms import DOMAIN, form_of
from tests.site import Site


@pytest.fixture(scope="module")
def app(site: Site, owner: tuple[Actor, str]) -> str:
    with site.client(owner[1]) as client:
        client.post("/apps", json={"name": "named"})
    site.live("named", owner[0])
    return "/apps/named"


def wish(hostname: str) -> dict[str, str | None]:
    return {"hostname": hostname, "sni_endpoint": None}


def test_an_apps_own_name_stays(http: httpx.Client, app: str) -> None:
    [own] = http.get(f"{app}/domains").json()

    assert form_of(own) == DOMAIN | {"cname": "null"}
    assert (own["hostname"], own["kind"], own["status"]) == ("named.localhost", "heroku", "none")
    for name in ("named.localhost", own["id"]):
        assert http.get(f"{app}/domains/{name}").json() == own
        assert http.delete(f"{app}/domains/{name}").status_code == 403


def test_a_domain_comes_and_goes(http: httpx.Client, site: Site, app: str) -> None:
    made = http.post(f"{app}/domains", json=wish("*.Example.com"))
    domain = made.json()

    assert (made.status_code, form_of(domain)) == (201, DOMAIN)
    assert (domain["hostname"], domain["kind"], domain["cname"], domain["acm_status"]) == (
        "*.example.com",
        "custom",
        "named.localhost",
        None,
    )
    assert site.router.routes[AppName("named")][0] == ("named.localhost", "*.example.com")
    assert [one["hostname"] for one in http.get(f"{app}/domains").json()] == [
        "*.example.com",
        "named.localhost",
    ]
    for name in (domain["id"], quote("*.example.com", safe="")):
        assert http.get(f"{app}/domains/{name}").json() == domain
    assert http.delete(f"{app}/domains/{quote('*.example.com', safe='')}").json() == domain
    assert site.router.routes[AppName("named")][0] == ("named.localhost",)
    assert http.delete(f"{app}/domains/{domain['id']}").status_code == 404


def test_a_domain_that_finds_no_room_is_not_added(http: httpx.Client, site: Site, app: str) -> None:
    site.router.fail("switch", TooMuch("There is no room.", fix="Ask for more."))

    answer = http.post(f"{app}/domains", json=wish("more.example.com"))

    assert (answer.status_code, answer.json()["message"]) == (
        429,
        "There is no room.\nAsk for more.",
    )
    assert http.get(f"{app}/domains/more.example.com").status_code == 404
    assert http.post(f"{app}/domains", json=wish("more.example.com")).status_code == 201
    assert http.delete(f"{app}/domains/more.example.com").status_code == 200


def test_a_taken_or_wrong_domain_is_refused(http: httpx.Client, app: str) -> None:
    http.post("/apps", json={"name": "other"})
    assert http.post("/apps/other/domains", json=wish("taken.example.com")).status_code == 201

    taken = http.post(f"{app}/domains", json=wish("taken.example.com"))
    wrong = http.post(f"{app}/domains", json=wish("no domain"))

    assert (taken.status_code, taken.json()["id"]) == (409, "conflict")
    assert (wrong.status_code, wrong.json()["id"]) == (422, "invalid_params")


def test_who_only_looks_changes_no_domain(site: Site, app: str) -> None:
    for email, role, expected in (
        ("viewer@example.com", Role.VIEWER, 403),
        ("stranger@example.com", Role.MEMBER, 404),
    ):
        _, token = site.person(email, role)
        with site.client(token) as client:
            answers = [
                client.post(f"{app}/domains", json=wish("eve.example.com")),
                client.delete(f"{app}/domains/eve.example.com"),
            ]
            looks = client.get(f"{app}/domains").status_code
        assert [answer.status_code for answer in answers] == [expected] * 2
        assert looks == (200 if role == Role.VIEWER else 404)


@pytest.mark.parametrize(
    ("state", "status", "reason"),
    [
        (Status.PENDING, "pending", "Make a record."),
        (Status.OK, "succeeded", None),
        (Status.FAILED, "failed", "CAA"),
    ],
)
def test_a_domain_tells_how_its_certificate_is(
    http: httpx.Client, site: Site, app: str, state: Status, status: str, reason: str | None
) -> None:
    hostname = DomainName(f"{status}.example.com")
    http.post(f"{app}/domains", json=wish(hostname))
    with site.store.writing() as session:
        row = Certificate(hostname=hostname, app=AppName("named"), status=state)
        row.reason = reason or ""
        session.add(row)

    domain = http.get(f"{app}/domains/{hostname}").json()

    assert (domain["status"], domain["acm_status"]) == (status, state.value)
    assert domain["acm_status_reason"] == reason


def test_there_are_no_certificates_that_somebody_brought(http: httpx.Client, app: str) -> None:
    assert http.get(f"{app}/sni-endpoints").json() == []


def test_an_internal_app_needs_internal_names(http: httpx.Client) -> None:
    answer = http.post("/apps", json={"name": "inside", "internal_routing": True})

    assert (answer.status_code, answer.json()["id"]) == (409, "conflict")
    assert http.get("/apps/inside").status_code == 404
