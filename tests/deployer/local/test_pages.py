import socket
import threading

import pytest

from deployer.local import pages
from deployer.local.pages import Request, page_for
from deployer.local.routes import Route, Routes

ROUTES = Routes(
    3,
    {
        "hello": Route(("hello.localhost",), (("127.0.0.1", 9),)),
        "idle": Route(("idle.localhost",), ()),
    },
)


def request(host: str, path: str = "/", **headers: str) -> Request:
    return Request("GET", path, {"host": host, **headers})


@pytest.mark.parametrize(
    ("host", "status", "title"),
    [
        ("other.localhost:8080", 404, "No such app"),
        ("IDLE.localhost", 503, "No web process"),
        ("idle.localhost.", 503, "No web process"),
        ("hello.localhost", 503, "The app does not answer"),
        ("127.0.0.1:8080", 404, "No app at this address"),
        ("[::1]:8080", 404, "No app at this address"),
        ("<script>.localhost", 404, "No app at this address"),
        ("", 404, "No app at this address"),
    ],
)
def test_the_page_says_why_no_app_answers(host: str, status: int, title: str) -> None:
    page = page_for(request(host), ROUTES)
    assert (page.status, page.title) == (status, title)


@pytest.mark.parametrize(("told", "status"), [("502", 502), ("504", 504), ("200", 503), ("x", 503)])
def test_an_app_that_failed_shows_the_status_of_the_failure(told: str, status: int) -> None:
    headers = {pages.ERROR_HEADER: told}
    assert page_for(request("hello.localhost", **headers), ROUTES).status == status


@pytest.mark.parametrize(
    ("domain", "status"), [("hello.localhost", 200), ("evil.localhost", 404), ("", 404)]
)
def test_only_names_of_apps_get_a_certificate(domain: str, status: int) -> None:
    asked = request("127.0.0.1", f"/.empire/ask?domain={domain}")
    assert page_for(asked, ROUTES).status == status


def exchange(sent: bytes) -> bytes:
    """Return what the page server answers to these bytes."""
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=pages.serve, args=(listener, lambda: ROUTES), daemon=True).start()
    with socket.create_connection(listener.getsockname()) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def test_a_browser_reads_html_and_a_terminal_reads_text() -> None:
    html = exchange(b"GET / HTTP/1.1\r\nHost: idle.localhost\r\nAccept: text/html\r\n\r\n")
    text = exchange(b"GET / HTTP/1.1\r\nHost: idle.localhost\r\n\r\n")
    assert b"<h1>No web process</h1>" in html
    assert b"Retry-After: 5\r\n" in html
    assert text.partition(b"\r\n\r\n")[2].startswith(b"No web process\n")


def test_a_head_request_has_no_body() -> None:
    answer = exchange(b"HEAD / HTTP/1.1\r\nHost: x.localhost\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 404 ")
    assert answer.endswith(b"\r\n\r\n")


def test_a_request_with_a_body_is_answered_whole() -> None:
    head = b"POST / HTTP/1.1\r\nHost: x.localhost\r\nContent-Length: 300000\r\n\r\n"
    assert b"No such app" in exchange(head + b"x" * 300_000)


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\n", b"\xff\xfe\r\n\r\n"])
def test_nonsense_does_not_stop_the_pages(sent: bytes) -> None:
    assert exchange(sent) == b"" or exchange(sent).startswith(b"HTTP/1.1 404 ")
