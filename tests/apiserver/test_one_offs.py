"""Running commands over the API: what is offered, to whom, and how it ends."""

import struct
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from empire.access import Actor
from empire.users import Role
from tests.apiserver.forms import DYNO, form_of
from tests.site import Site
from tests.waiting import wait_until

DYNOS = "/apps/commanded/dynos"


@pytest.fixture(scope="module")
def app(site: Site, owner: tuple[Actor, str]) -> str:
    with site.client(owner[1]) as client:
        client.post("/apps", json={"name": "commanded"})
    site.live("commanded", owner[0])
    return "commanded"


@pytest.fixture(autouse=True)
def _an_app(app: str) -> None:
    """Every test has the app."""


@contextmanager
def attached(http: httpx.Client, url: str) -> Iterator[Iterator[tuple[int, bytes]]]:
    with http.stream("GET", url) as answer:
        assert answer.status_code == 200
        yield frames(answer.iter_raw())


def frames(chunks: Iterator[bytes]) -> Iterator[tuple[int, bytes]]:
    held = b""
    for chunk in chunks:
        held += chunk
        while len(held) >= 5 and len(held) >= 5 + (length := struct.unpack(">BL", held[:5])[1]):
            yield held[0], held[5 : 5 + length]
            held = held[5 + length :]


def test_a_detached_command_is_a_dyno_until_it_is_stopped(http: httpx.Client) -> None:
    made = http.post(DYNOS, json={"command": "sleep 60", "size": "2X", "type": "worker"})

    dyno = made.json()
    assert made.status_code == 201
    assert form_of(dyno) == DYNO
    assert (dyno["type"], dyno["size"], dyno["command"]) == ("run", "2X", "sleep 60")
    assert dyno["name"] in [one["name"] for one in http.get(DYNOS).json()]
    assert http.get(f"{DYNOS}/{dyno['name']}").json()["state"] == "up"
    assert http.delete(f"{DYNOS}/{dyno['name']}").status_code == 202
    assert http.get(f"{DYNOS}/{dyno['name']}").status_code == 404


def test_an_attached_command_takes_input_and_gives_output_and_status(http: httpx.Client) -> None:
    dyno = http.post(
        DYNOS, json={"command": "cat; echo $A >&2; exit 9", "attach": True, "env": {"A": "b"}}
    ).json()
    assert dyno["state"] == "starting"

    with attached(http, dyno["attach_url"]) as output:
        assert next(output) == (4, b"")
        assert http.post(f"{dyno['attach_url']}/input", content=b"in").status_code == 204
        found = list(output)

    assert sorted(found[:-1]) == [(1, b"in"), (2, b"b\n")]
    assert found[-1] == (3, b"9")


def test_an_address_opens_once_and_then_no_more(http: httpx.Client, site: Site) -> None:
    dyno = http.post(DYNOS, json={"command": "echo one; cat", "attach": True}).json()
    url = dyno["attach_url"]
    size = {"rows": 10, "columns": 20}
    assert http.post(f"{url}/size", json=size).status_code == 409

    with attached(http, url) as output:
        assert next(output) == (4, b"")
        assert next(output) == (1, b"one\n")
        assert http.get(url).status_code == 409
        assert http.post(f"{url}/size", json=size).status_code == 204
        assert http.post(f"{url}/size", json={"rows": 0, "columns": 1}).status_code == 422

    wait_until(lambda: dyno["name"] not in names(site), "it ends with the connection")
    wait_until(lambda: http.get(url).status_code == 404, "the address is gone")


def test_a_command_runs_inside_a_dyno(http: httpx.Client, site: Site) -> None:
    made = http.post(f"{DYNOS}/web.1", json={"command": "exit 5", "force_no_tty": True})
    assert made.json()["name"] == "web.1"

    with attached(http, made.json()["attach_url"]) as output:
        assert list(output) == [(4, b""), (3, b"5")]

    _, command, has_terminal = site.scheduler.called("enter")[-1]
    assert (command, has_terminal) == ("exit 5", False)
    assert http.post(f"{DYNOS}/web.9", json={"command": "true"}).status_code == 404


def test_what_cannot_be_is_refused(http: httpx.Client, site: Site) -> None:
    assert http.post(DYNOS, json={}).status_code == 422
    assert http.post(DYNOS, json={"command": " "}).status_code == 422
    assert http.post(DYNOS, json={"command": "true", "size": "9Y"}).status_code == 422
    assert http.post(DYNOS, json={"command": "true", "time_to_live": 0}).status_code == 422
    assert http.get("/attach/guessed").status_code == 404
    assert http.post("/attach/guessed/input", content=b"x").status_code == 404
    _, token = site.person("viewer@example.com", Role.VIEWER)
    with site.client(token) as viewer:
        assert viewer.post(DYNOS, json={"command": "true"}).status_code == 403
        assert viewer.post(f"{DYNOS}/web.1", json={"command": "true"}).status_code == 403


def names(site: Site) -> list[str]:
    return [run.dyno.name for run in site.one_offs.runs()]
