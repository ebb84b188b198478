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
        client.post("/apps", json={"name": "loud"})
    for number, (source, dyno) in enumerate(
        (("app", "web.1"), ("app", "worker.1"), ("router", ""), ("app", "web.2"))
    ):
        site.logs.write(AppName("loud"), LogLine(AT + number, source, dyno, f"line\n{number}"))
    return "/apps/loud/log-sessions"


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
    assert answer.text.startswith("retry: 1\n\nid: 1700000000000000\n")
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
    with httpx.stream("GET", url, trust_env=False, timeout=30) as answer:
        lines = (line for line in answer.iter_lines() if line.startswith("data"))
        assert next(lines).endswith("line 3")
        site.logs.write(AppName("loud"), LogLine(AT + 10, "app", "web.1", "fresh"))
        assert next(lines).endswith("fresh")
    seen = str(int((AT + 2) * 1e6))
    with httpx.stream(
        "GET", url, headers={"Last-Event-ID": seen}, trust_env=False, timeout=30
    ) as answer:
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


def test_a_log_that_cannot_be_read_ends_the_tail_and_not_the_server(
    http: httpx.Client, site: Site, app: str
) -> None:
    site.logs.fail("follow", Unavailable("The engine does not answer."))
    url = http.post(app, json={"tail": True}).json()["logplex_url"]

    assert httpx.get(url, trust_env=False, timeout=30).text == ""
    assert http.get("/account").status_code == 200


def test_a_stream_that_breaks_is_cut_so_that_the_client_sees_it(
    http: httpx.Client, site: Site, app: str
) -> None:
    site.logs.fail("recent", Unavailable("The engine does not answer."))
    url = http.post(app, json={}).json()["logplex_url"]

    with pytest.raises(httpx.RemoteProtocolError):
        httpx.get(url, trust_env=False, timeout=30)
    assert http.get("/account").status_code == 200


def test_a_slow_reader_does_not_fill_the_servers_memory(
    http: httpx.Client, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apiserver.tails._AHEAD", 2)
    http.post("/apps", json={"name": "chatty"})
    for number in range(50):
        site.logs.write(AppName("chatty"), LogLine(AT + number, "app", "web.1", f"{number}"))
    url = http.post("/apps/chatty/log-sessions", json={"tail": True}).json()["logplex_url"]

    with httpx.stream("GET", url, trust_env=False, timeout=30) as answer:
        lines = (line for line in answer.iter_lines() if line.startswith("data"))
        assert [next(lines).split()[-1] for _ in range(50)] == [str(n) for n in range(50)]
