"""What a load balancer answers by itself: fixed responses, redirects, its error pages."""

from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

WORDS = {502: "Bad Gateway", 503: "Service Temporarily Unavailable", 504: "Gateway Time-out"}


def answer(action: dict[str, Any], host: str, path: str) -> bytes:
    """Return the answer of a fixed-response or redirect action."""
    if action.get("Type") == "fixed-response":
        config = action["FixedResponseConfig"]
        body = (config.get("MessageBody") or "").encode()
        kind = config.get("ContentType") or "text/plain; charset=utf-8"
        return _message(int(config["StatusCode"]), body, [("Content-Type", kind)])
    if action.get("Type") == "redirect":
        return _redirect(action["RedirectConfig"], host, path)
    return error(503)


def error(status: int, *, closes: bool = False) -> bytes:
    """Return the page for a status that the load balancer itself gives."""
    words = f"{status} {WORDS[status]}"
    page = (
        f"<html>\r\n<head><title>{words}</title></head>\r\n<body>\r\n"
        f"<center><h1>{words}</h1></center>\r\n</body>\r\n</html>\r\n"
    )
    headers = [("Content-Type", "text/html"), *([("Connection", "close")] if closes else [])]
    return _message(status, page.encode(), headers)


def _redirect(config: dict[str, Any], host: str, path: str) -> bytes:
    asked = urlsplit(path)
    parts = {
        "#{protocol}": "http",
        "#{host}": host.partition(":")[0],
        "#{port}": "80",
        "#{path}": asked.path.lstrip("/"),
        "#{query}": asked.query,
    }
    template = "{Protocol}://{Host}:{Port}{Path}?{Query}".format(
        Protocol=(config.get("Protocol") or "#{protocol}").lower(),
        Host=config.get("Host") or "#{host}",
        Port=config.get("Port") or "#{port}",
        Path=config.get("Path") or "/#{path}",
        Query=config.get("Query") or "#{query}",
    )
    for name, value in parts.items():
        template = template.replace(name, value)
    status = 301 if config["StatusCode"] == "HTTP_301" else 302
    return _message(status, b"", [("Location", template.removesuffix("?"))])


def _message(status: int, body: bytes, headers: list[tuple[str, str]]) -> bytes:
    try:
        words = WORDS.get(status) or HTTPStatus(status).phrase
    except ValueError:
        words = "Unknown"
    lines = [f"HTTP/1.1 {status} {words}", "Server: awselb/2.0", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
