"""The HTTP client: Heroku's headers, pages, streams, and errors in words."""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
import typer

from cli import errors, netrc
from cli.server import Server
from empire import events
from empire.errors import Unavailable
from empire.events import Event

ACCEPT = "application/vnd.heroku+json; version=3"
TIMEOUT_SECONDS = 70.0
"""Longer than the server holds any answer back; streams have signs of life more often."""
RETRY_SECONDS = 60.0
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def connect(context: typer.Context, token: str = "") -> "Client":
    """Return a client of the server that is named by the command line or the environment."""
    server = server_of(context)
    client = Client(server.url, token or server.token or stored_token(server.url))
    context.call_on_close(client.close)
    return client


def server_of(context: typer.Context) -> Server:
    """Return the server that is named by the command line or the environment."""
    assert isinstance(context.obj, Server)
    return context.obj


def stored_token(url: str) -> str:
    """Return the token that ~/.netrc holds for the server, by host:port or by host; "" for none."""
    place = urlsplit(url)
    file = Path.home() / ".netrc"
    return netrc.token_of(file, place.netloc) or netrc.token_of(file, place.hostname or "") or ""


def path(*parts: str | int) -> str:
    """Return the path of these segments, each encoded."""
    return "".join("/" + quote(str(part), safe="~") for part in parts)


class Client:
    """Talks to one server as one person."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url
        headers = {"Accept": ACCEPT, "User-Agent": "empire-cli"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        try:
            # A proxy of the environment is for the outside, never for this machine.
            trusts_env = (httpx.URL(url).host or "") not in _LOOPBACK
            self._http = httpx.Client(
                base_url=url, headers=headers, timeout=TIMEOUT_SECONDS, trust_env=trusts_env
            )
        except (httpx.InvalidURL, ValueError):
            raise errors.bad_url(url) from None

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def get(self, place: str) -> Any:
        """Return the resource."""
        return self._ask("GET", place).json()

    def list(self, place: str, range_: str = "") -> list[dict[str, Any]]:
        """Return the whole list, page by page; only the asked part when a range is given."""
        answer = self._ask("GET", place, headers={"Range": range_} if range_ else {})
        found: list[dict[str, Any]] = answer.json()
        while not range_ and (more := answer.headers.get("Next-Range")):
            answer = self._ask("GET", place, headers={"Range": more})
            found += answer.json()
        return found

    def post(self, place: str, body: dict[str, Any]) -> Any:
        """Return what was made."""
        return self._ask("POST", place, json=body).json()

    def post_nothing(self, place: str, body: dict[str, Any]) -> None:
        """Send something that is answered with nothing."""
        self._ask("POST", place, json=body)

    def delete(self, place: str) -> Any:
        """Return what was deleted."""
        return self._ask("DELETE", place).json()

    def patch(self, place: str, body: dict[str, Any]) -> Any:
        """Return the changed resource."""
        return self._ask("PATCH", place, json=body).json()

    def submit(
        self,
        method: str,
        place: str,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> tuple[Any, str | None]:
        """Return the answer, and the number of the deployment that carries the change, if any."""
        prefer = {"Prefer": "respond-async"}
        answer = self._ask(method, place, json=body, params=query, headers=prefer)
        return answer.json(), answer.headers.get("Empire-Deployment")

    def lines(self, url: str, headers: dict[str, str] | None = None) -> Iterator[str]:
        """Yield the lines of a stream as they come; raises Unavailable when it breaks."""
        with self._explained(), self._http.stream("GET", url, headers=headers) as answer:
            if answer.is_error:
                answer.read()
                raise errors.of_answer(answer, self.url)
            yield from answer.iter_lines()

    @contextmanager
    def chunks(self, url: str) -> Iterator[Iterator[bytes]]:
        """Give the bytes of a stream as they come; raises Unavailable when it breaks."""
        with self._explained(), self._http.stream("GET", url) as answer:
            if answer.is_error:
                answer.read()
                raise errors.of_answer(answer, self.url)
            yield answer.iter_raw()

    def upload(self, url: str, content: Iterator[bytes]) -> None:
        """Send the bytes as they come, however long nobody takes them."""
        with self._explained():
            self._http.post(url, content=content, timeout=None)

    def follow(self, app: str, deployment: str | int) -> Iterator[Event]:
        """Yield the deployment's events to the last one, over lost connections too."""
        offset, heard = 0, time.monotonic()
        place = path("apps", app, "deployments", deployment, "events")
        while time.monotonic() - heard < RETRY_SECONDS:
            try:
                for batch, after in _batches(self.lines(f"{place}?offset={offset}")):
                    offset, heard = after, time.monotonic()
                    yield from batch
                    if batch and events.is_last(batch[-1]):
                        return
            except Unavailable:
                time.sleep(0.5)
        raise errors.lost(deployment)

    def _ask(self, method: str, place: str, **how: Any) -> httpx.Response:
        with self._explained():
            answer = self._http.request(method, place, **how)
        if answer.is_error:
            raise errors.of_answer(answer, self.url)
        return answer

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except httpx.TimeoutException:
            raise errors.silent(self.url) from None
        except httpx.UnsupportedProtocol:
            raise errors.bad_url(self.url) from None
        except httpx.TransportError as error:
            raise errors.no_answer(self.url, str(error)) from None


def _batches(lines: Iterator[str]) -> Iterator[tuple[list[Event], int]]:
    batch: list[Event] = []
    for line in lines:
        row = json.loads(line)
        if "event" in row:
            batch.append(events.decode(line.encode("utf-8", "replace")))
        else:
            yield batch, row["offset"]
            batch = []
