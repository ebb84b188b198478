import asyncio
import threading

import httpx
import pytest

from empire.access import Actor
from empire.errors import Unavailable
from empire.manifest import LogLine
from empire.names import AppName
from empire.secrets import Secret
from tests.apiserver.forms import LOG_SESSION, form_of
from tests.site import Site

AT = 1_700_000_000.0


@pytest.fixture(scope="module")
def app(site: Site, owner: tuple[Actor, str]) -> str:
    with site.client(owner[1]) as client:
        _write_four(client, site, "loud")
    return "/apps/loud/log-sessions"


@pytest.fixture(scope="module")
def four(site: Site, owner: tuple[Actor, str]) -> str:
    """An app to whose log no test adds."""
    with site.client(owner[1]) as client:
        _write_four(client, site, "four")
    return "/apps/four/log-sessions"


def _write_four(client: httpx.Client, site: Site, app: str) -> None:
    client.post("/apps", json={"name": app})
    for number, (source, dyno) in enumerate(
        (("app", "web.1"), ("app", "worker.1"), ("router", ""), ("app", "web.2"))
    ):
        line = LogLine(AT + number, source, dyno, f"line\n{number}")
        site.logs.write(AppName(app), [line])


def _data(text: str) -> list[str]:
    return [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data")]


def _read(http: httpx.Client, place: str, **wish: object) -> list[str]:
    session = http.post(place, json=wish).json()
    return _data(httpx.get(session["logplex_url"], trust_env=False).text)


def test_the_log_comes_in_herokus_form_without_a_token(http: httpx.Client, app: str) -> None:
    made = http.post(app, json={})
    assert (made.status_code, form_of(made.json())) == (201, LOG_SESSION)

    answer = httpx.get(made.json()["logplex_url"], trust_env=False)

    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.text.startswith("retry: 1\n\nid: 1\n")
    assert _data(answer.text) == [
        "2023-11-14T22:13:20.000000+00:00 app[web.1]: line 0",
        "2023-11-14T22:13:21.000000+00:00 app[worker.1]: line 1",
        "2023-11-14T22:13:22.000000+00:00 heroku[router]: line 2",
        "2023-11-14T22:13:23.000000+00:00 app[web.2]: line 3",
    ]


@pytest.mark.parametrize(
    ("wish", "numbers"),
    [
        ({"lines": 1}, "3"),
        ({"lines": 0}, ""),
        ({"dyno": "web"}, "03"),
        ({"dyno": "web.2"}, "3"),
        ({"dyno_name": "worker.1"}, "1"),
        ({"dyno": "web", "lines": 1}, "3"),
        ({"source": "heroku"}, "2"),
        ({"source": "app", "lines": 2}, "13"),
    ],
)
def test_a_part_of_the_log_can_be_wished(
    http: httpx.Client, app: str, wish: dict[str, object], numbers: str
) -> None:
    assert "".join(line[-1] for line in _read(http, app, **wish)) == numbers


def test_a_tail_goes_on_and_resumes_after_what_was_seen(
    http: httpx.Client, site: Site, app: str
) -> None:
    url = http.post(app, json={"tail": True, "lines": 1}).json()["logplex_url"]
    with httpx.stream("GET", url, trust_env=False, timeout=60) as answer:
        lines = answer.iter_lines()
        seen = next(lines).removeprefix("id: ")
        assert next(lines).endswith("line 3")
        site.logs.write(AppName("loud"), [LogLine(AT + 10, "app", "web.1", "fresh")])
        assert next(line for line in lines if line.startswith("data")).endswith("fresh")
    before = {"Last-Event-ID": str(int(seen) - 1)}
    with httpx.stream("GET", url, headers=before, trust_env=False, timeout=60) as answer:
        lines = (line for line in answer.iter_lines() if line.startswith("data"))
        assert next(lines).endswith("line 3")
        assert next(lines).endswith("fresh")


@pytest.mark.parametrize("ticket", ["nonsense", "gAAAAé"])
def test_a_wrong_address_opens_nothing(site: Site, ticket: str) -> None:
    assert httpx.get(f"{site.url}/logs/{ticket}", trust_env=False).status_code == 404


@pytest.mark.parametrize("content", ["[]", '{"until": 1}', "x"])
def test_an_old_or_foreign_ticket_opens_nothing(site: Site, content: str) -> None:
    ticket = site.store.vault.seal(Secret(content)).decode()

    assert httpx.get(f"{site.url}/logs/{ticket}", trust_env=False).status_code == 404


@pytest.mark.parametrize("tail", [True, False])
def test_a_stream_that_breaks_is_cut_so_that_the_client_sees_it(
    http: httpx.Client, site: Site, app: str, tail: bool
) -> None:
    site.logs.fail("recent", Unavailable("The engine does not answer."))
    url = http.post(app, json={"tail": tail}).json()["logplex_url"]

    with pytest.raises(httpx.RemoteProtocolError):
        httpx.get(url, trust_env=False, timeout=60)
    assert http.get("/account").status_code == 200


def test_a_tail_that_can_no_longer_be_read_is_cut(http: httpx.Client, site: Site, app: str) -> None:
    url = http.post(app, json={"tail": True}).json()["logplex_url"]
    with httpx.stream("GET", url, trust_env=False, timeout=60) as answer:
        lines = answer.iter_lines()
        next(lines)
        site.logs.fail("read", Unavailable("The disk is gone."))
        site.logs.write(AppName("loud"), [LogLine(AT, "app", "web.1", "more")])
        with pytest.raises(httpx.RemoteProtocolError):
            list(lines)


@pytest.mark.parametrize(
    ("wish", "numbers"),
    [
        ({"grep": "2"}, "2"),
        ({"since": "2023-11-14T22:13:22Z", "source": "app"}, "3"),
        ({"since": "10m"}, ""),
        ({"source": "router"}, "2"),
    ],
)
def test_what_heroku_cannot_wish(
    http: httpx.Client, four: str, wish: dict[str, object], numbers: str
) -> None:
    assert "".join(line[-1] for line in _read(http, four, **wish)) == numbers


@pytest.mark.parametrize("wish", [{"since": "yesterday"}, {"source": "printer"}])
def test_what_nobody_can_wish(http: httpx.Client, app: str, wish: dict[str, str]) -> None:
    answer = http.post(app, json=wish)

    assert (answer.status_code, answer.json()["id"]) == (422, "invalid_params")


def test_a_hundred_followers_see_every_line_and_take_no_thread_each(
    http: httpx.Client, site: Site
) -> None:
    http.post("/apps", json={"name": "popular"})
    url = http.post("/apps/popular/log-sessions", json={"tail": True}).json()["logplex_url"]
    seen, most = asyncio.run(_followed_by_many(site, url))

    assert seen == [[f"line {number}" for number in range(2000)]] * 100
    assert most < 60
    assert len(site.logs.called("read")) < 4000


async def _followed_by_many(site: Site, url: str) -> tuple[list[list[str]], int]:
    """Follow a hundred times while 2,000 lines come; return what was seen and the most threads."""
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(trust_env=False, timeout=60, limits=limits) as client:
        ready = asyncio.Semaphore(0)
        followers = [asyncio.create_task(_follow(client, url, ready)) for _ in range(100)]
        for _ in followers:
            await ready.acquire()
        most = 0
        for number in range(0, 2000, 20):
            lines = [LogLine(AT, "app", "web.1", f"line {n}") for n in range(number, number + 20)]
            site.logs.write(AppName("popular"), lines)
            most = max(most, threading.active_count())
            await asyncio.sleep(0.01)
        return await asyncio.gather(*followers), most


async def _follow(client: httpx.AsyncClient, url: str, ready: asyncio.Semaphore) -> list[str]:
    seen: list[str] = []
    async with client.stream("GET", url) as answer:
        ready.release()
        async for line in answer.aiter_lines():
            if line.startswith("data"):
                seen.append(line.partition("]: ")[2])
            if len(seen) == 2000:
                break
    return seen
