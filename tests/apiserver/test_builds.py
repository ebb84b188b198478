import threading
from collections.abc import Iterator

import httpx
import pytest

from empire.access import Actor
from empire.errors import BuildFailed
from tests.apiserver.forms import BUILD, form_of
from tests.site import Site


@pytest.fixture
def app(http: httpx.Client, site: Site, ada: Actor) -> Iterator[str]:
    http.post("/apps", json={"name": "built"})
    yield "/apps/built"
    http.delete("/apps/built")


def test_a_build_has_every_field_of_herokus_build(
    http: httpx.Client, site: Site, ada: Actor, app: str
) -> None:
    pushed = site.live("built", ada)
    build = http.get(f"{app}/builds/{pushed.id}").json()

    assert form_of(build) == BUILD
    assert build["status"] == "succeeded"
    assert build["source_blob"]["version"] == "1" * 40
    assert http.get(f"{app}/builds").json() == [build]
    assert http.get(f"{app}/releases/2").json()["id"] == build["release"]["id"]


def test_the_output_needs_no_token_and_can_be_read_again(
    http: httpx.Client, site: Site, ada: Actor, app: str
) -> None:
    pushed = site.live("built", ada)
    url = http.get(f"{app}/builds/{pushed.id}").json()["output_stream_url"]

    outputs = [httpx.get(url, trust_env=False).text for _ in range(2)]

    assert outputs[0] == outputs[1]
    assert outputs[0].startswith("-----> Building with Fake\n       Step 1 of 1\n")
    assert "v2 is live" in outputs[0].splitlines()[-1]


def test_the_output_streams_while_the_build_runs(
    http: httpx.Client, site: Site, ada: Actor, app: str
) -> None:
    gate = site.builder.hold("build")
    gate.clear()
    pushed = site.push("built", ada, "2")
    url = http.get(f"{app}/builds/{pushed.id}").json()["output_stream_url"]
    with httpx.stream("GET", url, trust_env=False, timeout=60) as answer:
        lines = answer.iter_lines()
        assert next(lines) == "-----> Building with Fake"
        assert http.get(f"{app}/builds/{pushed.id}").json()["status"] == "pending"
        gate.set()
        assert "is live" in list(lines)[-1]


def test_a_failed_build_ends_its_output_with_the_reason(
    http: httpx.Client, site: Site, ada: Actor, app: str
) -> None:
    site.builder.fail("build", BuildFailed("Step 3 failed.", why="no such file"))
    pushed = site.live("built", ada, "3")
    build = http.get(f"{app}/builds/{pushed.id}").json()

    assert (build["status"], build["release"], build["slug"]) == ("failed", None, None)
    output = httpx.get(build["output_stream_url"], trust_env=False).text
    assert output.endswith(" !     Step 3 failed.\n !     no such file\n")


def test_an_address_that_was_not_given_out_opens_nothing(
    http: httpx.Client, site: Site, ada: Actor, app: str
) -> None:
    pushed = site.live("built", ada, "4")
    url = http.get(f"{app}/builds/{pushed.id}").json()["output_stream_url"]
    mark = site.store.vault.sign("build output absent")

    for wrong in (
        url[:-1] + "x",
        f"{site.url}/streams/absent/{mark}",
        url.rpartition("/")[0] + "/é",
    ):
        assert httpx.get(wrong, trust_env=False).status_code == 404


def test_many_open_streams_leave_the_server_free(
    http: httpx.Client, site: Site, ada: Actor, app: str
) -> None:
    gate = site.builder.hold("build")
    gate.clear()
    pushed = site.push("built", ada, "5")
    url = http.get(f"{app}/builds/{pushed.id}").json()["output_stream_url"]
    ends: list[str] = []
    threads = [
        threading.Thread(
            target=lambda: ends.append(httpx.get(url, trust_env=False, timeout=60).text)
        )
        for _ in range(80)
    ]
    for thread in threads:
        thread.start()
    try:
        for _ in range(20):
            assert http.get("/account").status_code == 200
    finally:
        gate.set()
        for thread in threads:
            thread.join(60)
    assert len(ends) == 80
    assert len(set(ends)) == 1
