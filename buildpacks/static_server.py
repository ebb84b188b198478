"""Serves a folder over HTTP: `static_server.py FOLDER PORT [PAGE]`. Runs inside app images: Python's standard library only.

Conditional requests, 404.html, `/about` for about.html, no folder listings, no dot files. A PAGE
is shown, with status 200, for every path that has no file and looks like none.
"""

import signal
import sys
import threading
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote, urlsplit

IDLE_SECONDS = 300  # longer than a router keeps a connection, so that only the router ends it


class Site(SimpleHTTPRequestHandler):
    """One connection to the site."""

    protocol_version = "HTTP/1.1"
    timeout = IDLE_SECONDS
    server_version = "empire-static"
    sys_version = ""
    page = ""

    def send_head(self) -> BytesIO | BinaryIO | None:
        """Answer with the file's head, or with the site's own page for what is not there."""
        parts = unquote(urlsplit(self.path).path).split("/")
        if any(part.startswith(".") and part != ".well-known" for part in parts):
            return self._missing()
        path = Path(self.translate_path(self.path))
        if path.is_dir() and not (path / "index.html").is_file():
            return self._other()
        if not path.exists():
            page = path.with_name(f"{path.name}.html")
            if self.path.endswith("/") or not page.is_file():
                return self._other()
            self.path = f"{urlsplit(self.path).path}.html"
        return super().send_head()

    def end_headers(self) -> None:
        """Add what every answer of a site should carry."""
        self.send_header("Cache-Control", "no-cache")
        self.send_header("X-Content-Type-Options", "nosniff")
        super().end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Log failures only: the router already logs every request."""
        if len(args) > 1 and str(args[1]).startswith("5"):
            super().log_message(format, *args)

    def _other(self) -> BytesIO | BinaryIO | None:
        """Answer with the page that shows every path, if there is one and a page is asked for."""
        if not self.page or "." in urlsplit(self.path).path.rpartition("/")[2]:
            return self._missing()
        self.path = f"/{self.page}"
        if not Path(self.translate_path(self.path)).is_file():
            return self._missing()
        return super().send_head()

    def _missing(self) -> BytesIO:
        page = Path(self.translate_path("/404.html"))
        body = page.read_bytes() if page.is_file() else b"Not found\n"
        kind = "text/html; charset=utf-8" if page.is_file() else "text/plain; charset=utf-8"
        self.send_response(HTTPStatus.NOT_FOUND)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        return BytesIO(body)


class Server(ThreadingHTTPServer):
    """Waits for requests in flight when it is told to stop, but not for idle connections."""

    request_queue_size = 1024
    daemon_threads = True


def main(folder: str, port: int, page: str = "") -> None:
    """Serve the folder until SIGTERM or SIGINT."""
    Site.page = page
    server = Server(("", port), partial(Site, directory=folder))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: threading.Thread(target=server.shutdown).start())
    server.serve_forever(poll_interval=0.05)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), *sys.argv[3:])
