import threading
from collections.abc import Iterator

import httpx
import pytest

from empire import deployments, line
from empire.access import Actor
from tests.site import Site
from tests.waiting import wait_until

NEWEST = {"Range": "version ..; order=desc,max=1"}


@pytest.fixture
def app(http: httpx.Client, site: Site, ada: Actor) -> Iterator[str]:
    http.post("/apps", json={"name": "shop"})
    site.live("shop", ada)
    yield "/apps/shop"
    http.delete("/apps/shop")


def test_a_change_answers_with_all_vars_when_its_release_is_there(
    http: httpx.Client, app: str
) -> None:
    before = http.get(f"{app}/releases", headers=NEWEST).json()[0]["version"]
    http.patch(f"{app}/config-vars", json={"A": "1", "B": "2"})
    answer = http.patch(f"{app}/config-vars", json={"A": None, "C": "drei ä\n"})

    assert answer.json() == {"B": "2", "C": "drei ä\n"} == http.get(f"{app}/config-vars").json()
    newest = http.get(f"{app}/releases", headers=NEWEST).json()[0]
    assert newest["version"] == before + 2
    assert newest["description"] == "Set C and Remove A config vars"
    assert answer.headers["empire-deployment"].isdigit()


def test_each_release_keeps_its_config(http: httpx.Client, app: str) -> None:
    http.patch(f"{app}/config-vars", json={"A": "1"})
    version = http.get(f"{app}/releases", headers=NEWEST).json()[0]["version"]
    http.patch(f"{app}/config-vars", json={"A": "2"})

    assert http.get(f"{app}/releases/v{version}/config-vars").json() == {"A": "1"}
    assert http.get(f"{app}/releases/{version + 1}/config-vars").json() == {"A": "2"}


def test_a_client_may_prefer_to_follow_the_deployment(
    http: httpx.Client, site: Site, app: str
) -> None:
    gate = site.scheduler.hold("start")
    gate.clear()
    try:
        first = http.patch(f"{app}/config-vars", json={"A": "1"})
        second = http.patch(
            f"{app}/config-vars", json={"B": "2"}, headers={"Prefer": "respond-async"}
        )
        assert second.status_code == 200
        numbers = [int(answer.headers["empire-deployment"]) for answer in (first, second)]
        assert numbers == sorted(numbers)
    finally:
        gate.set()


def test_no_change_makes_no_deployment(http: httpx.Client, app: str) -> None:
    http.patch(f"{app}/config-vars", json={"A": "1"})
    answer = http.patch(f"{app}/config-vars", json={"A": "1", "ABSENT": None})

    assert answer.json()["A"] == "1"
    assert "empire-deployment" not in answer.headers


def test_an_app_without_an_image_gets_its_config_at_once(http: httpx.Client) -> None:
    http.post("/apps", json={"name": "unpushed"})
    answer = http.patch("/apps/unpushed/config-vars", json={"A": "1"})

    assert (answer.status_code, "empire-deployment" in answer.headers) == (200, False)
    assert http.get("/apps/unpushed/config-vars").json() == {"A": "1"}


@pytest.mark.parametrize(
    "changes", [{"1A": "x"}, {"A B": "x"}, {"PORT": "1"}, {"A": 1}, {"A": "\0"}, {"A": "x" * 40000}]
)
def test_what_an_environment_cannot_hold_is_refused(
    http: httpx.Client, app: str, changes: dict[str, str]
) -> None:
    answer = http.patch(f"{app}/config-vars", json=changes)

    assert (answer.status_code, answer.json()["id"]) == (422, "invalid_params")


def test_a_change_that_is_cancelled_before_its_release_says_so(
    http: httpx.Client, site: Site, ada: Actor, app: str
) -> None:
    gate = site.builder.hold("build")
    gate.clear()
    pushed = site.push("shop", ada, "2")
    answers: list[httpx.Response] = []

    def change() -> None:
        with site.client(http.headers["Authorization"].removeprefix("Bearer ")) as client:
            answers.append(client.patch(f"{app}/config-vars", json={"A": "1"}))

    waiting = threading.Thread(target=change)
    waiting.start()
    queued = _queued_after(http, app, pushed.number or 0)
    with site.store.writing() as session:
        line.cancel(session, deployments.find(session, queued), by=ada)
    gate.set()
    waiting.join(60)

    assert (answers[0].status_code, answers[0].json()["id"]) == (409, "cancelled")


def _queued_after(http: httpx.Client, app: str, number: int) -> str:
    found: list[str] = []

    def is_queued() -> bool:
        rows = http.get(f"{app}/deployments").json()
        found[:] = [str(one["number"]) for one in rows if one["number"] > number]
        return bool(found)

    wait_until(is_queued)
    return found[0]


def test_a_change_that_does_not_start_says_why_where_it_is_followed(
    http: httpx.Client, site: Site, app: str
) -> None:
    cut = http.patch(
        f"{app}/config-vars", json={"BEHAVE": "exit:3"}, headers={"Prefer": "respond-async"}
    )
    number = cut.headers["empire-deployment"]
    with http.stream("GET", f"{app}/deployments/{number}/events") as answer:
        assert answer.read()
    failed = http.get(f"{app}/deployments/{number}").json()

    assert (failed["step"], failed["failure"]["code"]) == ("failed", "start_failed")
    assert "BEHAVE" not in http.get(f"{app}/config-vars").json()
