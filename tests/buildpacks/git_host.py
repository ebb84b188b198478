"""Repositories over HTTP, served by git's own http-backend on 127.0.0.1."""

import base64
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from tests.buildpacks.sources import ENVIRONMENT


class GitHost(ThreadingHTTPServer):
    """Serves every repository below a folder; one whose path has `private` needs a password."""

    daemon_threads = True

    def __init__(self, root: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Asked)
        self.root = root
        self.requests: list[str] = []
        self.url = f"http://127.0.0.1:{self.server_port}"


class _Asked(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.0"
    server: GitHost

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers.get("Content-Length", 0))))

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _answer(self, body: bytes) -> None:
        path, _, query = self.path.partition("?")
        self.server.requests.append(path)
        given = self.headers.get("Authorization", "")
        if "moved" in path:
            self.send_response(302)
            self.send_header("Location", self.path.replace("moved", "lib"))
            self.end_headers()
            return
        if "private" in path and given != f"Basic {base64.b64encode(b'ann:s3cret').decode()}":
            self.send_error(401)
            return
        done = subprocess.run(
            ["git", "http-backend"],
            input=body,
            capture_output=True,
            env={
                **ENVIRONMENT,
                "GIT_PROJECT_ROOT": str(self.server.root),
                "GIT_HTTP_EXPORT_ALL": "1",
                "PATH_INFO": path,
                "QUERY_STRING": query,
                "REQUEST_METHOD": self.command,
                "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                "CONTENT_LENGTH": str(len(body)),
                "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
                "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            },
            check=False,  # it tells the client itself what it refuses
        )
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        self.send_response(int(headers.pop("Status", "200").split()[0]))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        with suppress(ConnectionError):  # a client that had enough
            self.wfile.write(content)


@contextmanager
def serving(root: Path) -> Iterator[GitHost]:
    """Serve the repositories while in the `with`."""
    with GitHost(root) as host:
        thread = Thread(target=host.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield host
        finally:
            host.shutdown()
            thread.join()
