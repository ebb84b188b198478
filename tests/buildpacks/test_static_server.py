"""The server that goes into images of static sites, as a real process."""

import http.client
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SERVER = Path(__file__).parents[2] / "buildpacks" / "static_server.py"
Answer = tuple[int, dict[str, str], bytes]


@pytest.fixture
def site(tmp_path: Path) -> Path:
    files = {
        "index.html": "home",
        "about.html": "about",
        "docs/index.html": "docs",
        "bare/note.txt": "note",
        ".env": "SECRET=1",
        ".git/config": "x",
        ".well-known/security.txt": "contact",
    }
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
    return tmp_path


@pytest.fixture
def port(site: Path) -> Iterator[int]:
    yield from serving(site)


def serving(site: Path, *more: str) -> Iterator[int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number = probe.getsockname()[1]
    with subprocess.Popen([sys.executable, str(SERVER), str(site), str(number), *more]) as process:
        _wait_for(number, process)
        yield number
        process.terminate()
        assert process.wait(60) == 0


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    while process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except ConnectionRefusedError:
            continue
        return
    raise AssertionError("the server did not start")


def ask(port: int, path: str, **headers: str) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", path, headers=headers)
    response = connection.getresponse()
    answer = response.status, dict(response.getheaders()), response.read()
    connection.close()
    return answer


@pytest.mark.parametrize(
    ("path", "status", "body"),
    [
        ("/", 200, b"home"),
        ("/about", 200, b"about"),
        ("/about?x=1", 200, b"about"),
        ("/docs/", 200, b"docs"),
        ("/docs", 301, b""),
        ("/bare/", 404, b"Not found\n"),
        ("/bare/note.txt", 200, b"note"),
        ("/missing", 404, b"Not found\n"),
        ("/missing/", 404, b"Not found\n"),
        ("/.env", 404, b"Not found\n"),
        ("/.git/config", 404, b"Not found\n"),
        ("/%2e%2e/%2e%2e/etc/passwd", 404, b"Not found\n"),
        ("/.well-known/security.txt", 200, b"contact"),
    ],
)
def test_paths(port: int, path: str, status: int, body: bytes) -> None:
    assert ask(port, path)[::2] == (status, body)


def test_headers_and_conditional_requests(port: int) -> None:
    _, headers, _ = ask(port, "/")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-cache"
    again = ask(port, "/", **{"If-Modified-Since": headers["Last-Modified"]})
    assert again[0] == 304


def test_the_sites_own_page_for_what_is_missing(port: int, site: Path) -> None:
    (site / "404.html").write_text("<p>lost</p>")
    status, headers, body = ask(port, "/nowhere")
    assert (status, body) == (404, b"<p>lost</p>")
    assert headers["Content-Type"].startswith("text/html")


def test_one_connection_serves_many(port: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    for path in ("/", "/missing", "/about"):
        connection.request("GET", path)
        connection.getresponse().read()
    sock = connection.sock
    assert sock is not None
    connection.close()


def test_one_page_may_show_every_path(site: Path) -> None:
    for port in serving(site, "index.html"):
        assert ask(port, "/any/where")[::2] == (200, b"home")
        assert ask(port, "/bare/")[::2] == (200, b"home")
        assert ask(port, "/about")[2] == b"about"
        assert ask(port, "/missing.js")[0] == 404
        assert ask(port, "/.env")[0] == 404
    for port in serving(site, "gone.html"):
        assert ask(port, "/any/where")[0] == 404
