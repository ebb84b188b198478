"""Requests to the Docker Engine's API over a socket that can be cut from another thread.

The Engine's Python client cannot stop a running request without a deadlock, and has no BuildKit.
"""

import http.client
import json
import socket
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from io import BytesIO
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from docker.utils import kwargs_from_env

from buildpacks import errors

CONNECT_SECONDS = 10.0
ANSWER_SECONDS = 60.0
CHUNK = 1 << 18
LOCAL = "unix:///var/run/docker.sock"


class Engine:
    """One engine by its address. Connections are made per request; a local one costs 0.1 ms."""

    def __init__(self, address: str = "") -> None:
        """Take the address, or what DOCKER_HOST says, or the local socket."""
        self.address = str(address or kwargs_from_env().get("base_url") or LOCAL)
        url = urlsplit(self.address.replace("http+unix", "unix"))
        if url.scheme not in {"unix", "tcp", "http"}:
            raise errors.engine_address(self.address)
        self._url = url

    def connect(self) -> socket.socket:
        """Return a connected socket; raises Unavailable."""
        try:
            if self._url.scheme == "unix":
                return _local(self._url.netloc + self._url.path)
            host = self._url.hostname or "127.0.0.1"
            return socket.create_connection((host, self._url.port or 2375), CONNECT_SECONDS)
        except OSError as error:
            raise errors.engine_silent(self.address, str(error)) from None

    def get(self, path: str, seconds: float = ANSWER_SECONDS) -> Any:
        """Return the JSON answer, None for 404. Raises Unavailable, also after so many seconds."""
        return self._ask("GET", path, seconds)

    def image(self, name: str) -> dict[str, Any] | None:
        """Return what the engine knows of an image, None when it has none."""
        found: dict[str, Any] | None = self.get(f"/images/{quote(name)}/json")
        return found

    def remove_tag(self, name: str) -> None:
        """Remove the tag, and the image when nothing else holds it."""
        self._ask("DELETE", f"/images/{quote(name)}")

    def file(self, image: str, path: str, name: str) -> bytes | None:
        """Return a file of an image, None when it has none; `name` is a free name for a container."""
        container = f"/containers/{quote(name)}"
        self._send("DELETE", f"{container}?force=1")
        self._send("POST", f"/containers/create?name={quote(name)}", {"Image": image, "Cmd": ["-"]})
        try:
            tar = self._send("GET", f"{container}/archive?{urlencode({'path': path})}")
        finally:
            self._send("DELETE", f"{container}?force=1")
        if tar is None:
            return None
        with tarfile.open(fileobj=BytesIO(tar)) as archive:
            content = archive.extractfile(archive.getmembers()[0])
            return content.read() if content else None

    def call(self, path: str, query: Mapping[str, str]) -> "Call":
        """Return a long POST that is ready to send."""
        return Call(self.connect(), f"{path}?{urlencode(query)}", self.address)

    def _ask(self, method: str, path: str, seconds: float = ANSWER_SECONDS) -> Any:
        content = self._send(method, path, seconds=seconds)
        return None if content is None else json.loads(content or b"{}")

    def _send(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        seconds: float = ANSWER_SECONDS,
    ) -> bytes | None:
        """Return the answer's content, None for 404."""
        sock = self.connect()
        sock.settimeout(seconds)
        connection = _over(sock)
        try:
            headers = {"Content-Type": "application/json"} if body else {}
            connection.request(method, path, json.dumps(body) if body else None, headers)
            response = connection.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException) as error:
            raise errors.engine_silent(self.address, str(error)) from None
        finally:
            connection.close()
        if response.status == http.client.NOT_FOUND:
            return None
        if response.status >= http.client.BAD_REQUEST:
            raise errors.engine_refused(f"{method} {path}", message(content))
        return content


class Call:
    """A POST with a streamed body and a streamed JSON answer."""

    def __init__(self, sock: socket.socket, target: str, address: str) -> None:
        self._sock = sock
        self._connection = _over(sock)
        self._target = target
        self._address = address

    def cut(self) -> None:
        """End it at once, from any thread; the engine stops the build within a tenth of a second."""
        with suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Give the connection back; the engine stops what still runs for it."""
        self.cut()
        self._connection.close()

    def send(self, body: Iterable[bytes]) -> None:
        """Send the request; a body that the engine does not want to read to its end is no error."""
        self._sock.settimeout(None)
        self._connection.putrequest("POST", self._target)
        self._connection.putheader("Content-Type", "application/x-tar")
        self._connection.putheader("Transfer-Encoding", "chunked")
        with suppress(ConnectionError):
            self._connection.endheaders()
            for chunk in _gathered(body):
                self._connection.send(b"%x\r\n%b\r\n" % (len(chunk), chunk))
            self._connection.send(b"0\r\n\r\n")

    def answer(self) -> Iterator[dict[str, Any]]:
        """Yield the answer's JSON objects; ends early when the connection is cut.

        Raises Unavailable when the engine refuses the request.
        """
        try:
            response = self._connection.getresponse()
        except (OSError, http.client.HTTPException):
            return
        if response.status != http.client.OK:
            raise errors.engine_refused("build", message(response.read()))
        with suppress(OSError, http.client.HTTPException, ValueError):
            while line := response.readline():
                yield json.loads(line)


def message(content: bytes) -> str:
    """Return the text of an engine's error answer."""
    try:
        return str(json.loads(content)["message"])
    except (ValueError, KeyError, TypeError):
        return content.decode("utf-8", "replace").strip()


def _local(path: str) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX)
    try:
        sock.settimeout(CONNECT_SECONDS)
        sock.connect(path)
    except OSError:
        sock.close()
        raise
    return sock


def _over(sock: socket.socket) -> http.client.HTTPConnection:
    connection = http.client.HTTPConnection("docker")
    connection.sock = sock
    return connection


def _gathered(body: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the body in few large pieces."""
    waiting: list[bytes] = []
    size = 0
    for piece in body:
        waiting.append(piece)
        size += len(piece)
        if size >= CHUNK:
            yield b"".join(waiting)
            waiting, size = [], 0
    if waiting:
        yield b"".join(waiting)
