"""The load balancers' data plane: rules, bodies, connections, deployments nobody notices."""

import socket
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
from websockets.sync.client import connect
from websockets.sync.server import ServerConnection, serve

from tests.fakeaws.stage import Stage
from tests.waiting import wait_until

pytestmark = pytest.mark.docker


@pytest.fixture
def web(stage: Stage) -> Iterator[httpx.Client]:
    """A client of the stage's app, which keeps its connections."""
    base = f"http://127.0.0.1:{stage.simulator.alb_port}"
    with httpx.Client(base_url=base, headers={"Host": f"{stage.name}.example.com"}) as client:
        yield client


@contextmanager
def target(stage: Stage, port: int) -> Iterator[None]:
    """Let the stage's target group send to a port of this test."""
    wish = {"TargetGroupArn": stage.group, "Targets": [{"Id": "127.0.0.1", "Port": port}]}
    stage.elb.register_targets(**wish)
    yield
    stage.elb.deregister_targets(**wish)


def health(stage: Stage) -> list[tuple[str, str]]:
    found = stage.elb.describe_target_health(TargetGroupArn=stage.group)
    rows = [row["TargetHealth"] for row in found["TargetHealthDescriptions"]]
    return [(row["State"], row.get("Description", "")) for row in rows]


def test_what_no_rule_takes_gets_the_default(stage: Stage, web: httpx.Client) -> None:
    assert (web.get("/").status_code, web.get("/").text) == (404, "There is no such app.")


def test_a_rule_without_targets_is_unavailable(stage: Stage, web: httpx.Client) -> None:
    stage.route()
    answer = web.get("/")
    assert answer.status_code == 503
    assert "503 Service Temporarily Unavailable" in answer.text


def test_a_fixed_response_keeps_the_app_closed(stage: Stage, web: httpx.Client) -> None:
    stage.route()
    words = {"StatusCode": "503", "ContentType": "text/html", "MessageBody": "<p>Back soon"}
    action = {"Type": "fixed-response", "FixedResponseConfig": words}
    stage.elb.modify_rule(RuleArn=stage.rule, Actions=[action])

    answer = web.post("/", content=b"x" * 100_000)
    assert (answer.status_code, answer.text) == (503, "<p>Back soon")
    assert answer.headers["Content-Type"] == "text/html"


def test_a_target_is_told_who_asks_and_connections_are_kept(
    stage: Stage, web: httpx.Client
) -> None:
    stage.route()
    with echo() as port, target(stage, port):
        wait_until(lambda: health(stage) == [("healthy", "")])
        for body in (b"x" * 1_000_000, b""):
            answer = web.post("/path?q=1", content=body, headers={"X-Forwarded-For": "10.9.9.9"})
            assert answer.content == b"POST /path?q=1 10.9.9.9, 127.0.0.1 https %d" % len(body)
        assert answer.headers["Connection"] == "keep-alive"


def test_a_streamed_body_arrives_whole(stage: Stage, web: httpx.Client) -> None:
    stage.route()
    with echo() as port, target(stage, port):
        wait_until(lambda: health(stage) == [("healthy", "")])
        answer = web.post("/", content=iter([b"one", b"two" * 50_000]))
    assert answer.content.endswith(b" 150003")


def test_a_target_that_hangs_up_is_a_bad_gateway(stage: Stage, web: httpx.Client) -> None:
    stage.route()
    with hanging_up() as port, target(stage, port):
        wait_until(lambda: health(stage) == [("unhealthy", "Health checks failed")])
        assert web.get("/").status_code == 502  # none is healthy, so all get requests


def test_a_websocket_passes(stage: Stage) -> None:
    def answer(connection: ServerConnection) -> None:
        for message in connection:
            connection.send(f"heard {message!r}")

    stage.route(Matcher={"HttpCode": "200-499"})
    with serve(answer, "127.0.0.1", 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with target(stage, server.socket.getsockname()[1]):
            wait_until(lambda: health(stage) == [("healthy", "")])
            pipe = socket.create_connection(("127.0.0.1", stage.simulator.alb_port))
            with pipe, connect(f"ws://{stage.name}.example.com/", sock=pipe) as client:
                client.send("hello")
                assert client.recv() == "heard 'hello'"


def test_health_says_which_code_came(stage: Stage) -> None:
    stage.route(HealthCheckPath="/health")
    with echo(status=500) as port, target(stage, port):
        wait_until(lambda: health(stage)[0][0] == "unhealthy")
        assert health(stage)[0][1] == "Health checks failed with these codes: [500]"


def test_each_listener_has_a_port_of_its_own(stage: Stage) -> None:
    stage.route()
    ports = stage.simulator.listener_ports()
    host = {"Host": f"{stage.name}.example.com"}
    statuses = [
        httpx.get(f"http://127.0.0.1:{ports[stage.settings[name]]}/", headers=host).status_code
        for name in ("EMPIRE_AWS_PUBLIC_LISTENER", "EMPIRE_AWS_INTERNAL_LISTENER")
    ]
    assert statuses == [503, 404]


def test_nobody_notices_a_deployment(stage: Stage, web: httpx.Client) -> None:
    stage.route()
    stage.settled(stage.create(stage.define(COLOUR="red"), 2))
    is_over, seen = threading.Event(), Counter[tuple[int, str]]()

    def ask() -> None:
        while not is_over.is_set():
            answer = web.get("/")
            seen[answer.status_code, answer.json()["COLOUR"]] += 1

    asking = [threading.Thread(target=ask) for _ in range(3)]
    for thread in asking:
        thread.start()
    stage.settled(stage.update(taskDefinition=stage.define(COLOUR="blue")))
    wait_until(lambda: len(stage.shown()["deployments"]) == 1)
    is_over.set()
    for thread in asking:
        thread.join()

    assert set(seen) == {(200, "red"), (200, "blue")}


@contextmanager
def echo(status: int = 200) -> Iterator[int]:
    """Serve what tells of the request that came."""

    class Echo(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(0)

        def do_POST(self) -> None:
            if self.headers["Transfer-Encoding"]:
                self._answer(len(self._chunks()))
            else:
                self._answer(len(self.rfile.read(int(self.headers["Content-Length"]))))

        def _chunks(self) -> bytes:
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body

        def _answer(self, length: int) -> None:
            words = [self.command, self.path]
            words += [self.headers[f"X-Forwarded-{name}"] or "" for name in ("For", "Proto")]
            text = f"{' '.join(words)} {length}".encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *arguments: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


@contextmanager
def hanging_up() -> Iterator[int]:
    """Take connections, and answer none."""

    def hang_up() -> None:
        with suppress(OSError):
            while True:
                server.accept()[0].close()

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=hang_up, daemon=True).start()
        yield int(server.getsockname()[1])
        server.shutdown(socket.SHUT_RDWR)
