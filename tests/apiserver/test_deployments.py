import json
from typing import Any

import httpx
import pytest

from empire import events
from empire.access import Actor
from empire.events import Live
from tests.site import Site


@pytest.fixture(scope="module")
def app(site: Site, owner: tuple[Actor, str]) -> str:
    with site.client(owner[1]) as client:
        client.post("/apps", json={"name": "moving"})
    return "/apps/moving"


def test_a_deployment_tells_its_journey(
    http: httpx.Client, site: Site, ada: Actor, app: str
) -> None:
    pushed = site.live("moving", ada)
    [told] = http.get(f"{app}/deployments").json()

    assert told["number"] == pushed.number
    assert (told["kind"], told["step"], told["is_open"]) == ("push", "live", False)
    assert (told["ref"], told["commit"]) == ("refs/heads/main", "1" * 40)
    assert (told["version"], told["failure"]) == (2, None)
    for name in (pushed.number, pushed.id):
        assert http.get(f"{app}/deployments/{name}").json() == told


def test_a_deployment_of_another_app_is_not_found(
    http: httpx.Client, site: Site, ada: Actor, app: str
) -> None:
    pushed = site.live("moving", ada, "2")
    http.post("/apps", json={"name": "another"})

    assert http.get(f"/apps/another/deployments/{pushed.number}").status_code == 404
    assert http.get(f"{app}/deployments/999999").status_code == 404
    assert http.get(f"{app}/deployments/{pushed.number}/events?offset=-1").status_code == 422


def test_the_events_go_on_from_any_offset(
    http: httpx.Client, site: Site, ada: Actor, app: str
) -> None:
    gate = site.builder.hold("build")
    gate.clear()
    pushed = site.push("moving", ada, "3")
    place = f"{app}/deployments/{pushed.number}/events"
    begun: list[dict[str, Any]] = []
    with http.stream("GET", place) as answer:
        assert answer.headers["content-type"] == "application/x-ndjson"
        for line in answer.iter_lines():
            begun.append(json.loads(line))
            if "Step 1" in line:
                break
    gate.set()
    offset = [row["offset"] for row in begun if "offset" in row][-1:] or [0]
    rest = http.get(f"{place}?offset={offset[0]}").text.splitlines()
    whole = http.get(place).text.splitlines()

    told = [line for line in whole if "event" in json.loads(line)]
    assert isinstance(events.decode(told[-1].encode()), Live)
    assert [line for line in rest if "event" in json.loads(line)] == told[-len(rest) :][
        : len(rest)
    ] or told[-1] in rest


def test_a_quiet_stream_gives_signs_of_life(
    http: httpx.Client, site: Site, ada: Actor, app: str
) -> None:
    gate = site.builder.hold("build")
    gate.clear()
    pushed = site.push("moving", ada, "4")
    with http.stream("GET", f"{app}/deployments/{pushed.number}/events") as answer:
        offsets: list[int] = []
        for line in answer.iter_lines():
            row = json.loads(line)
            offsets += [row["offset"]] if "offset" in row else []
            if len(offsets) > 3 and offsets[-1] == offsets[-2]:
                break
    gate.set()
    assert offsets == sorted(offsets)


def test_a_journal_that_lost_its_end_ends_by_the_row(
    http: httpx.Client, site: Site, ada: Actor, app: str
) -> None:
    pushed = site.live("moving", ada, "5")
    journal = site.store.journals.path(pushed.id)
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:-1]))

    told = http.get(f"{app}/deployments/{pushed.number}/events").text.splitlines()

    assert json.loads(told[-2])["event"] == "Live"
