"""The pages that we serve ourselves: no such app, no web process, an app that does not answer.

Only Caddy talks to this: one small request per connection, answered and closed.
"""

import re
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from deployer.local.routes import Routes

HOSTNAME = re.compile(r"([a-z0-9_-]+\.)+[a-z0-9_-]*[a-z_-][a-z0-9_-]*")
"""What Caddy takes for an app's name; not an IP address."""
REQUEST_MAX_BYTES = 1 << 16
PATIENCE_SECONDS = 2.0
ERROR_HEADER = "empire-router-error"
"""Caddy says here which status it would have answered itself."""

REASONS = {
    200: "OK",
    404: "Not Found",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
}


@dataclass(frozen=True, slots=True)
class Page:
    """What a visitor reads."""

    status: int
    title: str
    text: str


MAINTENANCE = Page(
    503, "Down for maintenance", "This app is being worked on. Please come back in a while."
)


@dataclass(frozen=True, slots=True)
class Request:
    """What we look at in a request; header names are in lower case."""

    method: str
    path: str
    headers: dict[str, str]

    @property
    def hostname(self) -> str:
        """The name that the visitor asked for, or nothing when it is not one."""
        host = self.headers.get("host", "").lower().partition(":")[0].rstrip(".")
        return host if HOSTNAME.fullmatch(host) else ""

    @classmethod
    def parse(cls, head: bytes) -> "Request":
        """Return the request whose first line and headers are given."""
        first, *lines = head.decode("latin-1").split("\r\n")
        method, path, *_ = [*first.split(" "), "", ""]
        pairs = (line.partition(":") for line in lines)
        return cls(method, path, {name.lower(): value.strip() for name, _, value in pairs})


def page_for(request: Request, routes: Routes) -> Page:
    """Return the page that tells the visitor why no app answers."""
    url = urlsplit(request.path)
    if url.path == "/.empire/ask":
        return _may_have_certificate(parse_qs(url.query).get("domain", [""])[0], routes)
    hostname = request.hostname
    if not hostname:
        return Page(404, "No app at this address", "Apps answer under their host name.")
    found = routes.find(hostname)
    if found is None:
        return Page(404, "No such app", f"No app answers at {hostname}.")
    app, route = found
    if route.in_maintenance:
        return MAINTENANCE
    if not route.targets:
        return _no_process(app)
    return _unanswered(app, request.headers.get(ERROR_HEADER, ""))


def serve(listener: socket.socket, routes: Callable[[], Routes]) -> None:
    """Answer connections one after the other, for ever. Run it in several threads."""
    while True:
        connection, _ = listener.accept()
        with connection:
            connection.settimeout(PATIENCE_SECONDS)
            try:
                _answer(connection, routes())
            except (OSError, ValueError):
                continue


def _no_process(app: str) -> Page:
    return Page(
        503,
        "No web process",
        f"The app {app} has no web process running: it was not deployed yet, it is stopped, "
        f"or it is scaled to zero. Its owner sees more with: empire ps -a {app}",
    )


def _unanswered(app: str, error: str) -> Page:
    status = int(error) if error in {"502", "503", "504"} else 503
    return Page(
        status,
        "The app does not answer",
        f"The app {app} runs but did not answer this request. "
        f"Its owner sees more with: empire logs -a {app}",
    )


def _may_have_certificate(domain: str, routes: Routes) -> Page:
    known = routes.find(domain.lower().rstrip("."))
    return Page(200 if known else 404, "Certificate", "yes" if known else "no")


def _answer(connection: socket.socket, routes: Routes) -> None:
    head = _read_head(connection)
    if not head:
        return
    request = Request.parse(head)
    connection.sendall(_response(request, page_for(request, routes)))
    _close_gently(connection)


def _read_head(connection: socket.socket) -> bytes:
    received = b""
    while b"\r\n\r\n" not in received and len(received) < REQUEST_MAX_BYTES:
        piece = connection.recv(REQUEST_MAX_BYTES)
        if not piece:
            return b""
        received += piece
    return received.partition(b"\r\n\r\n")[0]


def _close_gently(connection: socket.socket) -> None:
    """Close with FIN: a close with unread bytes would send RST and lose the answer."""
    connection.shutdown(socket.SHUT_WR)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline and connection.recv(REQUEST_MAX_BYTES):
        pass


def _response(request: Request, page: Page) -> bytes:
    wants_html = "text/html" in request.headers.get("accept", "")
    kind = "text/html" if wants_html else "text/plain"
    body = (_html(page) if wants_html else f"{page.title}\n{page.text}\n").encode()
    headers = [
        f"HTTP/1.1 {page.status} {REASONS[page.status]}",
        f"Content-Type: {kind}; charset=utf-8",
        f"Content-Length: {len(body)}",
        "Cache-Control: no-store",
        "Connection: close",
    ]
    if page.status == 503:
        headers.append("Retry-After: 5")
    head = "\r\n".join([*headers, "", ""]).encode()
    return head if request.method == "HEAD" else head + body


def _html(page: Page) -> str:
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{page.title}</title>"
        "<style>body{font:1.1rem/1.5 system-ui,sans-serif;max-width:36rem;margin:20vh auto;"
        "padding:0 1rem}@media(prefers-color-scheme:dark){body{background:#111;color:#eee}}</style>"
        f"<h1>{page.title}</h1><p>{page.text}</p></html>\n"
    )
