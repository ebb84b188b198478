import httpx
import pytest

from empire.access import Actor
from empire.errors import Unavailable
from empire.users import Role
from tests.apiserver.forms import APP, form_of
from tests.site import Site


def test_a_made_app_has_every_field_of_herokus_app(http: httpx.Client) -> None:
    answer = http.post("/apps", json={"name": "hello", "region": "eu", "unknown": 1})

    assert answer.status_code == 201
    app = answer.json()
    assert form_of(app) == APP
    assert app["owner"]["email"] == "ada@example.com"
    assert app["git_url"] == "ssh://git@127.0.0.1:2222/hello.git"
    assert app["web_url"] == "http://hello.localhost:8080/"


def test_an_app_is_found_by_name_and_by_id(http: httpx.Client) -> None:
    made = http.post("/apps", json={"name": "twice"}).json()

    assert http.get("/apps/twice").json() == made
    assert http.get(f"/apps/{made['id']}").json() == made


def test_an_app_without_a_wish_gets_a_name(http: httpx.Client) -> None:
    answer = http.post("/apps")

    assert answer.status_code == 201
    assert len(answer.json()["name"].split("-")) == 3


def test_the_lists_hold_the_persons_apps_by_name(http: httpx.Client) -> None:
    for name in ("zebra", "aardvark"):
        http.post("/apps", json={"name": name})

    names = [app["name"] for app in http.get("/apps").json()]
    assert names == sorted(names)
    assert {"zebra", "aardvark"} <= set(names)
    assert [app["name"] for app in http.get("/users/~/apps").json()] == names
    assert http.get("/users/somebody@example.com/apps").status_code == 404


def test_a_taken_name_and_a_bad_name_are_refused_with_what_to_do(http: httpx.Client) -> None:
    http.post("/apps", json={"name": "taken"})
    taken, bad = http.post("/apps", json={"name": "taken"}), http.post("/apps", json={"name": "X"})

    assert (taken.status_code, taken.json()["id"]) == (409, "conflict")
    assert "Choose another name" in taken.json()["message"]
    assert (bad.status_code, bad.json()["id"]) == (422, "invalid_params")


def test_another_persons_app_and_no_app_give_the_same_answer(
    http: httpx.Client, site: Site
) -> None:
    http.post("/apps", json={"name": "private"})
    _, token = site.person("bob@example.com")
    with site.client(token) as bob:
        hidden, absent = bob.get("/apps/private"), bob.get("/apps/absent1")

    assert hidden.status_code == absent.status_code == 404
    assert hidden.json()["message"].replace("private", "") == absent.json()["message"].replace(
        "absent1", ""
    )


def test_a_viewer_may_look_and_not_touch(http: httpx.Client, site: Site) -> None:
    http.post("/apps", json={"name": "looked-at"})
    _, token = site.person("vera@example.com", Role.VIEWER)
    with site.client(token) as vera:
        assert vera.get("/apps/looked-at").status_code == 200
        for refused in (
            vera.post("/apps", json={"name": "mine"}),
            vera.delete("/apps/looked-at"),
            vera.get("/apps/looked-at/config-vars"),
        ):
            assert (refused.status_code, refused.json()["id"]) == (403, "forbidden")


def test_destroy_answers_with_the_app_when_it_is_gone(
    http: httpx.Client, site: Site, ada: Actor
) -> None:
    made = http.post("/apps", json={"name": "short-lived"}).json()
    site.live("short-lived", ada)

    answer = http.delete("/apps/short-lived")

    assert (answer.status_code, answer.json()["id"]) == (200, made["id"])
    assert http.get("/apps/short-lived").status_code == 404
    assert not site.scheduler.dynos()


def test_a_destroy_that_fails_says_why(http: httpx.Client, site: Site) -> None:
    http.post("/apps", json={"name": "sticky"})
    site.router.fail("remove", Unavailable("The router does not answer."))

    answer = http.delete("/apps/sticky")

    assert (answer.status_code, answer.json()["id"]) == (503, "unavailable")
    assert answer.json()["message"] == "The router does not answer."
    assert http.delete("/apps/sticky").status_code == 200


def test_a_destroy_that_takes_long_is_answered_before_the_client_gives_up(
    http: httpx.Client, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apiserver.apps.DESTROY_SECONDS", 0.1)
    gate = site.router.hold("remove")
    http.post("/apps", json={"name": "slow-to-go"})

    answer = http.delete("/apps/slow-to-go")
    gate.set()

    assert (answer.status_code, answer.json()["name"]) == (202, "slow-to-go")
