"""Another name, maintenance, cancelling, and what Heroku's CLI asks for on its way."""

import httpx
import pytest

from empire.access import Actor
from empire.names import AppName
from tests.site import Site


@pytest.fixture(scope="module")
def app(site: Site, owner: tuple[Actor, str]) -> str:
    with site.client(owner[1]) as client:
        client.post("/apps", json={"name": "changing"})
    site.live("changing", owner[0])
    return "/apps/changing"


def test_maintenance_takes_the_dynos_out_of_the_route(
    http: httpx.Client, site: Site, app: str
) -> None:
    on = http.patch(app, json={"maintenance": True})
    assert on.json()["maintenance"] is True
    assert site.router.routes[AppName("changing")][1] == ()
    http.patch(app, json={"maintenance": True})
    off = http.patch(app, json={"maintenance": False})
    assert off.json()["maintenance"] is False
    assert len(site.router.routes[AppName("changing")][1]) == 1


def test_a_renamed_app_answers_by_its_new_name(http: httpx.Client, site: Site, app: str) -> None:
    renamed = http.patch(app, json={"name": "changed"})

    assert renamed.json()["web_url"].startswith("http://changed.localhost")
    assert site.router.routes[AppName("changing")][0] == ("changed.localhost",)
    assert http.get(app).status_code == 404
    assert http.patch("/apps/changed", json={"name": "changing"}).status_code == 200
    assert http.patch(app, json={"name": "No"}).status_code == 422
    assert http.patch(app, json={}).json()["name"] == "changing"


def test_a_stranger_changes_nothing(site: Site, app: str) -> None:
    _, token = site.person("eve@example.com")
    with site.client(token) as client:
        answers = [
            client.patch(app, json={"maintenance": True}),
            client.patch(f"{app}/formation", json={"updates": []}),
            client.delete(f"{app}/dynos"),
            client.post(f"{app}/releases", json={"release": "v2"}),
            client.post(f"{app}/deployments/1/actions/cancel"),
            client.post(f"{app}/dynos/web.1/actions/stop"),
        ]
    assert {answer.status_code for answer in answers} == {404}


def test_a_deployment_is_cancelled(http: httpx.Client, site: Site, ada: Actor, app: str) -> None:
    gate = site.builder.hold("build")
    gate.clear()
    try:
        pushed = site.push("changing", ada, "9")
        site.builder.wait_for("build", len(site.builder.called("build")) or 1)
        answer = http.post(f"{app}/deployments/{pushed.number}/actions/cancel")
        with http.stream("GET", f"{app}/deployments/{pushed.number}/events") as events:
            assert b"was cancelled" in events.read()
    finally:
        gate.set()

    assert answer.status_code == 202
    again = http.post(f"{app}/deployments/{pushed.number}/actions/cancel")
    assert (again.status_code, again.json()["id"]) == (409, "conflict")
    assert http.get(f"{app}/deployments/{pushed.number}").json()["step"] == "cancelled"


def test_what_is_not_there_is_an_empty_list_or_not_found(http: httpx.Client, app: str) -> None:
    [owner] = http.get(f"{app}/collaborators").json()

    assert http.get(f"{app}/addons").json() == []
    assert (owner["user"]["email"], owner["role"]) == ("ada@example.com", "owner")
    assert http.get(f"{app}/pipeline-couplings").status_code == 404
    assert http.get("/apps/absent/addons").status_code == 404
