"""Probes against plain sockets."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice

import pytest

from deployer.local.health import Findings, Outcome, pauses, probe
from empire.manifest import Target


@contextmanager
def answering(*pieces: bytes) -> Iterator[tuple[Target, list[bytes]]]:
    """Serve one connection: read what comes, answer with the pieces, close."""
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=_answer, args=(server, pieces, heard))
        thread.start()
        yield Target(*server.getsockname()), heard
        thread.join()


def _answer(server: socket.socket, pieces: tuple[bytes, ...], heard: list[bytes]) -> None:
    connection, _ = server.accept()
    with connection:
        heard.append(connection.recv(1000))
        for piece in pieces:
            connection.sendall(piece)


def asked(target: Target, path: str | None = None) -> Outcome:
    return probe(target, path, "app.example.com", lambda: False)


@pytest.mark.parametrize(
    ("answer", "with_path", "without_path"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", True, True),
        (b"HTTP/1.0 301 Moved\r\n\r\n", True, True),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", False, True),
        (b"HTTP/1.1 503 Unavailable\r\n\r\n", False, True),
        (b"HTTP/2 200\r\n", True, True),
        (b"SSH-2.0-OpenSSH\r\n", False, False),
        (b"", False, False),
        (b"x" * 5000, False, False),
    ],
)
def test_judgement(answer: bytes, with_path: bool, without_path: bool) -> None:
    with answering(answer) as (target, _):
        assert asked(target, "/up").is_up is with_path
    with answering(answer) as (target, _):
        assert asked(target).is_up is without_path


def test_the_request_names_host_and_path() -> None:
    with answering(b"HTTP/1.1 204 No Content\r\n\r\n") as (target, heard):
        asked(target, "/up?deep=1")

    lines = heard[0].decode().split("\r\n")
    assert lines[0] == "GET /up?deep=1 HTTP/1.1"
    assert "Host: app.example.com" in lines
    assert "Connection: close" in lines


def test_an_answer_in_pieces() -> None:
    with answering(b"HTT", b"P/1.1 2", b"00 OK\r\n") as (target, _):
        assert asked(target, "/").text == "status 200"


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        target = Target(*server.getsockname())
    assert asked(target) == Outcome(is_up=False, text="connection refused")


def test_no_way_there() -> None:
    outcome = asked(Target("255.255.255.255", 80))
    assert not outcome.is_up
    assert outcome.text


def test_no_connection_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deployer.local.health.CONNECT_SECONDS", 0.05)
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        with socket.create_connection(full.getsockname()):
            assert asked(Target(*full.getsockname())).text == "no connection"


def test_it_can_be_ended_while_the_app_thinks() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        outcome = probe(Target(*server.getsockname()), None, "app", lambda: True)
    assert outcome.text == "no answer in time"


def test_pauses_grow_to_a_steady_pace() -> None:
    first = list(islice(pauses(), 105))
    assert first[0] == 0.005
    assert first == sorted(first)
    assert first[-1] == 0.100


def test_findings_are_counted() -> None:
    findings = Findings("http://10.0.0.1:8080/")
    for text in ("connection refused", "connection refused", "status 503"):
        findings.add(Outcome(is_up=False, text=text))

    assert str(findings) == (
        "3 probes of http://10.0.0.1:8080/: connection refused (2), status 503 (1); "
        "the last one: status 503"
    )
