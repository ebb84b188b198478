import http.client
import socket
import ssl
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from deployer.local import dns
from deployer.local.router import CaddyRouter
from empire.manifest import Target
from empire.settings import Settings
from tests.backend import Backend, ask
from tests.deployer.local.conftest import HELLO, HOST, free_port
from tests.load import Load, Traffic
from tests.waiting import wait_until


def test_no_request_fails_while_versions_change(router: CaddyRouter, settings: Settings) -> None:
    traffic = Traffic(
        "127.0.0.1", settings.http_port, HOST, slow_seconds=0.4, websocket_seconds=0.4
    )
    with ExitStack() as versions:
        serving = versions.enter_context(Backend("v0"))
        router.switch(HELLO, (HOST,), (serving.target,))
        load = versions.enter_context(Load(traffic))
        for number in range(1, 21):
            new = versions.enter_context(Backend(f"v{number}"))
            router.switch(HELLO, (HOST,), (new.target,))
            router.drain((serving.target,))
            serving.end()
            serving = new
        report = load.stop()
    assert report.failed == 0, report
    assert len(report.versions) == 21
    assert report.kinds["kept"].retried == 0
    assert report.kinds["websockets"].ok > 5


def test_draining_waits_for_requests_under_way(router: CaddyRouter, settings: Settings) -> None:
    with Backend("v1") as v1, Backend("v2") as v2, ThreadPoolExecutor() as pool:
        router.switch(HELLO, (HOST,), (v1.target,))
        slow = pool.submit(ask, settings.http_port, HOST, "/slow?1")
        wait_until_asked(router, v1.target)
        router.switch(HELLO, (HOST,), (v2.target,))
        assert ask(settings.http_port, HOST) == (200, "v2")
        router.drain((v1.target,))
        assert slow.result(0.2) == (200, "v1")


def test_draining_ends_after_the_drain_time(settings: Settings) -> None:
    router = CaddyRouter(settings.model_copy(update={"drain_seconds": 0.5}))
    router.ensure_running()
    with Backend("v1") as v1, ThreadPoolExecutor() as pool:
        router.switch(HELLO, (HOST,), (v1.target,))
        slow = pool.submit(ask, settings.http_port, HOST, "/slow?3")
        wait_until_asked(router, v1.target)
        router.drain((v1.target,))
        assert not slow.done()
        assert slow.result() == (200, "v1")


def test_requests_go_to_every_target(router: CaddyRouter, settings: Settings) -> None:
    with Backend("a") as a, Backend("b") as b:
        router.switch(HELLO, (HOST,), (a.target, b.target))
        assert {ask(settings.http_port, HOST)[1] for _ in range(40)} == {"a", "b"}


def test_a_dead_target_costs_no_request(router: CaddyRouter, settings: Settings) -> None:
    with Backend("a") as a:
        dead = Target("127.0.0.1", free_port())
        router.switch(HELLO, (HOST,), (a.target, dead))
        assert {ask(settings.http_port, HOST) for _ in range(40)} == {(200, "a")}


@pytest.mark.parametrize(
    ("host", "status", "title"),
    [
        ("unknown.localhost", 404, "No such app"),
        ("hello.localhost", 503, "No web process"),
        ("127.0.0.1", 404, "No app at this address"),
        ("localhost", 404, "No app at this address"),
        ("a b.localhost", 400, ""),
        ("x_y.localhost", 404, "No such app"),
    ],
)
def test_a_page_says_why_no_app_answers(
    router: CaddyRouter, settings: Settings, host: str, status: int, title: str
) -> None:
    router.switch(HELLO, (HOST,), ())
    answer = ask(settings.http_port, host)
    assert answer[0] == status
    assert title in answer[1]


def test_an_app_that_does_not_answer_has_a_page(router: CaddyRouter, settings: Settings) -> None:
    router.switch(HELLO, (HOST,), (Target("127.0.0.1", free_port()),))
    status, body = ask(settings.http_port, HOST, timeout_seconds=20)
    assert status in (502, 503)
    assert "The app does not answer" in body


def test_what_is_for_no_app_reaches_the_api(router: CaddyRouter, settings: Settings) -> None:
    with Backend("api", port=settings.api_port):
        assert ask(settings.http_port, "127.0.0.1") == (200, "api")
        assert ask(settings.http_port, "localhost") == (200, "api")
        assert ask(settings.http_port, "unknown.localhost")[0] == 404


def test_the_port_80_is_not_written(settings: Settings) -> None:
    on_80 = CaddyRouter(settings.model_copy(update={"http_port": 80}))
    assert on_80.url(HOST) == "http://hello.localhost"
    assert CaddyRouter(settings).url(HOST) == f"http://hello.localhost:{settings.http_port}"


def test_a_target_must_be_an_address(router: CaddyRouter) -> None:
    with pytest.raises(OSError, match="illegal"):
        router.switch(HELLO, (HOST,), (Target("web", 80),))


def test_an_app_answers_over_https(router: CaddyRouter, settings: Settings) -> None:
    with Backend("v1") as v1:
        router.switch(HELLO, (HOST,), (v1.target,))
        assert ask_https(settings, HOST) == (200, "v1")


def test_an_unknown_name_gets_no_certificate(router: CaddyRouter, settings: Settings) -> None:
    with pytest.raises(ssl.SSLError):
        ask_https(settings, "evil.localhost")


def test_requests_are_logged(router: CaddyRouter, settings: Settings) -> None:
    ask(settings.http_port, HOST, "/page")
    log = settings.logs / "router.log"
    wait_until(lambda: log.exists() and "/page" in log.read_text())
    assert '"host":"hello.localhost' in log.read_text()
    assert log.stat().st_mode & 0o777 == 0o600


def wait_until_asked(router: CaddyRouter, target: Target) -> None:
    """Return when a request to the target is under way."""
    name = f"{dns.target_name(target.host)}:{target.port}"
    wait_until(lambda: router._keeper.in_flight({name}) > 0)


def ask_https(settings: Settings, hostname: str) -> tuple[int, str]:
    """Return the answer over TLS, whose certificate Caddy's own authority must have signed."""
    root = settings.home / "router/caddy/pki/authorities/local/root.crt"
    trust = ssl.create_default_context(cafile=str(root))
    plain = socket.create_connection(("127.0.0.1", settings.https_port), timeout=60)
    with plain, trust.wrap_socket(plain, server_hostname=hostname) as connection:
        request = f"GET / HTTP/1.1\r\nHost: {hostname}\r\nConnection: close\r\n\r\n"
        connection.sendall(request.encode())
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        return answer.status, answer.read().decode()
