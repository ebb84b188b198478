"""Scaling, resizing, restarting and stopping, as Heroku's clients ask for it."""

from collections.abc import Iterator
from dataclasses import replace

import httpx
import pytest

from empire.access import Actor
from empire.manifest import LogLine
from empire.names import AppName, ProcessType
from tests.apiserver.forms import DYNO, FORMATION, form_of
from tests.site import Site
from tests.waiting import wait_until


@pytest.fixture
def app(http: httpx.Client, site: Site, ada: Actor) -> Iterator[str]:
    http.post("/apps", json={"name": "crew"})
    commands = {ProcessType("web"): "serve", ProcessType("worker"): "work"}
    plain, site.builder.image = site.builder.image, replace(site.builder.image, processes=commands)
    site.live("crew", ada)
    yield "/apps/crew"
    site.builder.image = plain
    http.delete("/apps/crew")


def test_the_wished_formation_is_answered_at_once(http: httpx.Client, app: str) -> None:
    updates = [{"type": "worker", "quantity": "+2"}, {"type": "web", "quantity": 3, "size": "2x"}]
    answer = http.patch(f"{app}/formation", json={"updates": updates})

    assert answer.status_code == 200
    assert [form_of(one) for one in answer.json()] == [FORMATION, FORMATION]
    assert _said(answer.json()) == {"web": (3, "2X"), "worker": (2, "1X")}
    assert _said(http.get(f"{app}/formation").json()) == {"web": (3, "2X"), "worker": (2, "1X")}
    assert _ended(http, app, answer)["step"] == "live"
    assert len(_names(http, app)) == 5


def test_relative_quantities_count_from_what_waits(
    http: httpx.Client, site: Site, app: str
) -> None:
    gate = site.scheduler.hold("start")
    gate.clear()
    try:
        first = http.patch(f"{app}/formation/web", json={"quantity": "+1"})
        second = http.patch(f"{app}/formation/web", json={"quantity": "+1"})
        third = http.patch(f"{app}/formation/web", json={"size": "2X"})
        undone = http.patch(f"{app}/formation/web", json={"quantity": 3})
    finally:
        gate.set()

    assert [answer.json()["quantity"] for answer in (first, second, third)] == [2, 3, 3]
    assert "empire-deployment" not in undone.headers
    assert _ended(http, app, third)["step"] == "live"
    assert _said(http.get(f"{app}/formation").json())["web"] == (3, "2X")


def test_a_type_is_changed_by_its_id_and_by_a_named_size(http: httpx.Client, app: str) -> None:
    id_ = http.get(f"{app}/formation/worker").json()["id"]
    answer = http.patch(f"{app}/formation/{id_}", json={"dyno_size": {"name": "Standard-2X"}})

    assert (answer.json()["size"], answer.json()["quantity"]) == ("2X", 0)


@pytest.mark.parametrize(
    ("update", "status", "text"),
    [
        ({"type": "clock", "quantity": 1}, 404, "It has web, worker."),
        ({"type": "web", "quantity": "many"}, 422, "not a quantity"),
        ({"type": "web", "quantity": "-2"}, 422, "cannot have -1 dynos"),
        ({"type": "web", "quantity": 101}, 422, "EMPIRE_DYNOS_MAX"),
        ({"type": "web", "size": "giant"}, 422, "not a dyno size"),
        ({"type": "web", "size": "1024:900000gb"}, 422, "does not fit"),
        ({"type": "web", "size": "1024:1mb"}, 422, "too small"),
    ],
)
def test_what_cannot_be_is_refused(
    http: httpx.Client, app: str, update: dict[str, object], status: int, text: str
) -> None:
    answer = http.patch(f"{app}/formation", json={"updates": [update]})

    assert answer.status_code == status
    assert text in answer.json()["message"]
    assert "empire-deployment" not in answer.headers


def test_an_app_without_a_version_cannot_be_scaled(http: httpx.Client) -> None:
    http.post("/apps", json={"name": "blank"})
    answers = [
        http.patch("/apps/blank/formation", json={"updates": [{"type": "web", "quantity": 1}]}),
        http.delete("/apps/blank/dynos"),
    ]

    assert [answer.status_code for answer in answers] == [409, 409]


def test_dynos_are_restarted_all_by_type_and_by_name(
    http: httpx.Client, site: Site, app: str
) -> None:
    _ended(http, app, http.patch(f"{app}/formation/web", json={"quantity": 2}))
    for place in (
        "DELETE /dynos",
        "DELETE /formations/web",
        "DELETE /dynos/web.2",
        "POST /dynos/web.2/actions/stop",
        "POST /formations/web/actions/stop",
    ):
        before = _deployments_of(site)
        method, _, path = place.partition(" ")
        answer = http.request(method, f"{app}{path}")
        assert (answer.status_code, answer.json()) == (202, {})
        assert _ended(http, app, answer)["kind"] == "restart"
        after = _deployments_of(site)
        assert (before["web.1"] == after["web.1"]) == ("web.2" in path)
        assert before["web.2"] != after["web.2"]


def test_nothing_that_runs_is_restarted_without_a_word(http: httpx.Client, app: str) -> None:
    answer = http.delete(f"{app}/formations/worker")

    assert (answer.status_code, "empire-deployment" in answer.headers) == (202, False)
    assert http.delete(f"{app}/dynos/web.2").status_code == 404
    assert http.delete(f"{app}/dynos/web.").status_code == 404
    assert http.delete(f"{app}/formations/clock").status_code == 404


def test_a_dyno_that_crashed_says_why_where_it_is_asked(
    http: httpx.Client, site: Site, app: str
) -> None:
    [dyno] = site.scheduler.dynos(AppName("crew"))
    site.logs.write(AppName("crew"), [LogLine(1.0, "app", "web.1", "out of luck")])
    site.scheduler.crash(dyno, 3)

    [plain] = http.get(f"{app}/dynos").json()
    [told] = http.get(f"{app}/dynos?extended=true").json()

    assert form_of(plain) == DYNO
    assert plain["state"] == "crashed"
    assert told.pop("extended") == {
        "region": "local", "execution_plane": None, "fleet": None, "instance": dyno.id,
        "ip": None, "port": None, "az": None, "route": None,
        "restarts": 0, "exit_code": 3, "is_out_of_memory": False, "last_lines": ["out of luck"],
    }  # fmt: skip
    assert told == plain
    assert http.get(f"{app}/dynos/web.1?extended=true").json()["extended"]["exit_code"] == 3


def _said(formation: list[dict[str, object]]) -> dict[str, tuple[object, object]]:
    return {str(one["type"]): (one["quantity"], one["size"]) for one in formation}


def _names(http: httpx.Client, app: str) -> list[str]:
    return [dyno["name"] for dyno in http.get(f"{app}/dynos").json()]


def _deployments_of(site: Site) -> dict[str, int]:
    return {dyno.name: dyno.deployment for dyno in site.scheduler.dynos(AppName("crew"))}


def _ended(http: httpx.Client, app: str, answer: httpx.Response) -> dict[str, object]:
    """Return the deployment of an answer when it ended and nothing of an older one is left."""
    number = answer.headers["empire-deployment"]
    with http.stream("GET", f"{app}/deployments/{number}/events") as events:
        assert events.read()
    ended: dict[str, object] = http.get(f"{app}/deployments/{number}").json()
    wait_until(lambda: len(set(_names(http, app))) == len(_names(http, app)), "the old ones go")
    return ended
