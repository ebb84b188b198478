from urllib.parse import quote

import httpx
import pytest

from empire.access import Actor
from tests.apiserver.forms import ACCOUNT, DYNO, FORMATION, KEY, RELEASE, form_of
from tests.site import Site

PUBLIC_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB6PeXu8M9L2c7Cj1RYB1g0uYbKFK1p0QvGz7yZ0yW1x"


@pytest.fixture(scope="module")
def app(site: Site, owner: tuple[Actor, str]) -> str:
    with site.client(owner[1]) as client:
        client.post("/apps", json={"name": "nouns"})
    site.live("nouns", owner[0])
    return "/apps/nouns"


def test_the_account_is_the_person_who_asks(http: httpx.Client) -> None:
    account = http.get("/account").json()

    assert form_of(account) == ACCOUNT
    assert account["email"] == "ada@example.com"
    for name in ("~", account["id"], "ada%40example.com", "ADA@example.com"):
        assert http.get(f"/users/{name}").json() == account
    assert http.get("/users/bob@example.com").status_code == 404


def test_a_key_comes_and_goes(http: httpx.Client) -> None:
    made = http.post("/account/keys", json={"public_key": f"{PUBLIC_KEY} ada@home"})
    key = made.json()

    assert (made.status_code, form_of(key)) == (201, KEY)
    assert (key["public_key"], key["comment"]) == (f"{PUBLIC_KEY} ada@home", "ada@home")
    assert http.get("/account/keys").json() == [key]
    for name in (key["id"], key["fingerprint"]):
        assert http.get(f"/account/keys/{quote(name, safe='')}").json() == key
    assert http.delete(f"/account/keys/{quote(key['fingerprint'], safe='')}").json() == key
    assert http.get("/account/keys").json() == []
    assert http.delete(f"/account/keys/{key['id']}").status_code == 404


def test_what_is_no_key_is_refused(http: httpx.Client) -> None:
    answer = http.post("/account/keys", json={"public_key": "ssh-dss AAAA"})

    assert (answer.status_code, answer.json()["id"]) == (422, "invalid_params")


def test_a_dyno_has_every_field_of_herokus_dyno(http: httpx.Client, app: str) -> None:
    [dyno] = http.get(f"{app}/dynos").json()

    assert form_of(dyno) == DYNO
    assert (dyno["name"], dyno["type"], dyno["state"]) == ("web.1", "web", "up")
    assert dyno["release"]["id"] == http.get(f"{app}/releases/2").json()["id"]
    assert http.get(f"{app}/dynos/web.1").json() == dyno
    assert http.get(f"{app}/dynos/{dyno['id']}").json() == dyno
    assert http.get(f"{app}/dynos/web.2").status_code == 404


def test_a_dyno_that_was_replaced_is_stopping_while_its_requests_end(
    site: Site, http: httpx.Client, ada: Actor
) -> None:
    http.post("/apps", json={"name": "draining"})
    site.live("draining", ada, "1")
    drained = site.router.hold("drain")
    site.live("draining", ada, "2")

    states = {
        (dyno["release"]["version"], dyno["state"])
        for dyno in http.get("/apps/draining/dynos").json()
    }
    drained.set()

    assert states == {(2, "stopping"), (3, "up")}


def test_the_formation_has_every_field_of_herokus_formation(http: httpx.Client, app: str) -> None:
    [web] = http.get(f"{app}/formation").json()

    assert form_of(web) == FORMATION
    assert (web["type"], web["quantity"], web["size"]) == ("web", 1, "1X")
    assert http.get(f"{app}/formation/web").json() == web
    assert http.get(f"{app}/formation/{web['id']}").json() == web
    assert http.get(f"{app}/formation/worker").status_code == 404


def test_a_release_has_every_field_of_herokus_release(http: httpx.Client, app: str) -> None:
    first, second = http.get(f"{app}/releases").json()

    assert form_of(second) == RELEASE
    assert (second["version"], second["status"], second["current"]) == (2, "succeeded", True)
    assert (first["current"], first["slug"], first["eligible_for_rollback"]) == (False, None, False)
    for name in ("2", "v2", second["id"]):
        assert http.get(f"{app}/releases/{name}").json() == second
    assert http.get(f"{app}/releases/9").status_code == 404
    assert http.get(f"{app}/releases/{'9' * 30}").status_code == 404


def test_an_unknown_app_is_not_found_in_every_place(http: httpx.Client) -> None:
    for place in (
        "",
        "/config-vars",
        "/dynos",
        "/formation",
        "/releases",
        "/builds",
        "/deployments",
    ):
        assert http.get(f"/apps/absent{place}").status_code == 404
    assert http.get("/apps/a%2Fb").status_code == 404
