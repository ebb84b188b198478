"""What every answer has: a Request-Id, an ETag, a bound on the body, a reference for faults."""

import hashlib
import json
import time
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import structlog
from starlette.background import BackgroundTask
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from empire.errors import InternalError

MAX_BODY_BYTES = 1024 * 1024
ENDLESS = ("/attach/", "/sources/")
"""Below these bodies are input of commands and archives: read as it is taken, never kept in memory."""

log = structlog.get_logger()


class Json(JSONResponse):
    """A JSON answer with an ETag."""

    def __init__(
        self,
        content: Any,
        status_code: int = 200,
        headers: Mapping[str, str] | None = None,
        media_type: str | None = None,
        background: BackgroundTask | None = None,
    ) -> None:
        super().__init__(content, status_code, headers, media_type, background)
        self.headers["ETag"] = f'"{hashlib.sha256(self.body).hexdigest()[:32]}"'

    def render(self, content: Any) -> bytes:
        """Return the content as UTF-8; what UTF-8 cannot hold is replaced."""
        return json.dumps(content, ensure_ascii=False).encode("utf-8", "replace")


class Wire:
    """The outermost layer of the application."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        exchange = _Exchange(scope, send)
        # Routing is by the raw path: a name in it may hold an encoded slash.
        scope = {**scope, "path": scope["raw_path"].decode("latin-1")}
        try:
            body = receive if scope["path"].startswith(ENDLESS) else _Body(receive)
            await self._app(scope, body, exchange.send)
        except Exception as fault:
            if exchange.has_begun:
                log.exception("stream failed", path=scope["path"])
                raise
            await _answer_fault(fault, scope)(scope, receive, exchange.send)
        exchange.log()


class _Exchange:
    """One answer on its way out."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self._headers = Headers(scope=scope)
        self._what = f"{scope['method']} {scope['path']}"
        self._is_read = scope["method"] in ("GET", "HEAD")
        self._send = send
        self._began = time.monotonic()
        self._id = str(uuid4())
        self._status = 0
        self.has_begun = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.has_begun = True
            await self._send(self._started(message))
        elif self._status != 304:
            await self._send(message)
        elif not message.get("more_body"):
            await self._send({"type": "http.response.body", "body": b""})

    def log(self) -> None:
        milliseconds = round((time.monotonic() - self._began) * 1000)
        log.debug(
            self._what,
            status=self._status,
            milliseconds=milliseconds,
            request=self._id,
            client_request=self._headers.get("request-id", "")[:200],
        )

    def _started(self, message: Message) -> Message:
        headers = MutableHeaders(scope=message)
        headers["Request-Id"] = self._id
        self._status = message["status"]
        if self._is_read and self._status in (200, 206) and self._is_known(headers.get("etag")):
            self._status = 304
            del headers["content-length"], headers["content-type"]
        return {**message, "status": self._status, "headers": headers.raw}

    def _is_known(self, etag: str | None) -> bool:
        asked = self._headers.get("if-none-match", "")
        known = [mark.strip().removeprefix("W/") for mark in asked.split(",")]
        return etag is not None and (etag in known or "*" in known)


class _Body:
    """The request's body as it comes in, up to its bound."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._bytes = 0

    async def __call__(self) -> Message:
        message = await self._receive()
        self._bytes += len(message.get("body", b""))
        if self._bytes > MAX_BODY_BYTES:
            raise HTTPException(413, f"The body has more than {MAX_BODY_BYTES} bytes.")
        return message


def _answer_fault(fault: Exception, scope: Scope) -> Json:
    error = InternalError.with_reference()
    log.error("request failed", path=scope["path"], error=error.what, exc_info=fault)
    return Json({"id": error.code, "message": str(error)}, 500)
