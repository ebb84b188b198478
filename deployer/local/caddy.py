"""Caddy: its one configuration, which no deployment ever changes, and its admin socket.

Every change of Caddy's configuration closes connections; so routes are not in it. They come from
our DNS responder, and the configuration is the same from start to end.
"""

import json
import shutil
import socket
import sys
from pathlib import Path
from typing import Any

from deployer.local.pages import ERROR_HEADER

HTTP_FD, HTTPS_FD, ALIVE_FD = 30, 31, 32
"""Where Caddy finds its listening sockets, and the lock that tells that it lives."""

REFRESH = "2s"
"""How long an answer of the responder is used while the generation stays the same."""
STALE = "1s"
"""How long the last answer is used when the responder does not answer, before asking again."""
LOGGED = {
    "upstream": "reverse_proxy.upstream.hostport",
    "service_ms": "reverse_proxy.upstream.duration_ms",
    "scheme": "request.scheme",
}
"""What a line of the log says beside what Caddy says of itself. The request's id comes by its use."""

Json = dict[str, Any]


def binary() -> str | None:
    """Return the path of caddy: beside this Python, else on PATH."""
    beside = Path(sys.executable).parent / "caddy"
    return str(beside) if beside.exists() else shutil.which("caddy")


def config(
    *, folder: Path, logs: Path, admin: Path, dns_port: int, pages_port: int, api_port: int
) -> Json:
    """Return the configuration."""
    pages = f"127.0.0.1:{pages_port}"
    routes = [_app_route(folder / "generation", dns_port), _other_route(api_port, pages)]
    server = {
        "routes": routes,
        "errors": {"routes": [_error_route(pages)]},
        "logs": {"default_logger_name": "router"},
    }
    return {
        "admin": {"listen": f"unix/{admin}|0600", "config": {"persist": False}},
        "logging": {"logs": _logs(logs)},
        "storage": {"module": "file_system", "root": str(folder / "caddy")},
        "apps": {
            "http": {
                "grace_period": "30s",
                "servers": {
                    "http": server
                    | {
                        "listen": [f"fd/{HTTP_FD}"],
                        "protocols": ["h1"],
                        "automatic_https": {"disable": True},
                    },
                    "https": server
                    | {
                        "listen": [f"fd/{HTTPS_FD}"],
                        "protocols": ["h1", "h2"],
                        "automatic_https": {"disable_redirects": True},
                        "tls_connection_policies": [{}],
                    },
                },
            },
            "tls": {
                "automation": {
                    "policies": [{"on_demand": True, "issuers": [{"module": "internal"}]}],
                    "on_demand": {
                        "permission": {"module": "http", "endpoint": f"http://{pages}/.empire/ask"}
                    },
                }
            },
            "pki": {"certificate_authorities": {"local": {"install_trust": False}}},
        },
    }


def ask(admin: Path, method: str, path: str, timeout_seconds: float = 2.0) -> bytes:
    """Return the body of what the admin socket answers. Raises OSError when it does not."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(timeout_seconds)
        connection.connect(str(admin))
        head = f"{method} {path} HTTP/1.0\r\nHost: localhost\r\n"
        connection.sendall(f"{head}Content-Length: 0\r\n\r\n".encode())
        answer = b"".join(iter(lambda: connection.recv(1 << 16), b""))
    head_bytes, _, body = answer.partition(b"\r\n\r\n")
    if b" 200 " not in head_bytes.partition(b"\r\n")[0] + b" ":
        raise ConnectionError(answer[:200].decode(errors="replace"))
    return body


def in_flight(admin: Path) -> dict[str, int]:
    """Return how many requests are under way to each upstream, named as NAME:PORT."""
    upstreams = json.loads(ask(admin, "GET", "/reverse_proxy/upstreams"))
    counts: dict[str, int] = {}
    for upstream in upstreams:
        name, _, port = upstream["address"].rpartition(":")
        key = f"{name.rstrip('.')}:{port}"
        counts[key] = counts.get(key, 0) + upstream["num_requests"]
    return counts


def _app_route(generation: Path, dns_port: int) -> Json:
    """Match host names with a dot; addresses and single words never reach the responder."""
    resolver = {"addresses": [f"udp/127.0.0.1:{dns_port}"]}
    pattern = r"^([A-Za-z0-9_-]{1,63}\.)+[A-Za-z0-9_-]*[A-Za-z_-][A-Za-z0-9_-]*\.?(:\d+)?$"
    return {
        "match": [{"header_regexp": {"Host": {"pattern": pattern}}}],
        "terminal": True,
        "handle": [
            *(
                {"handler": "log_append", "key": key, "value": f"{{http.{value}}}"}
                for key, value in LOGGED.items()
            ),
            {
                "handler": "reverse_proxy",
                "headers": {"request": {"set": {"X-Request-Id": ["{http.request.uuid}"]}}},
                "dynamic_upstreams": {
                    "source": "srv",
                    "name": f"{{file.{generation}}}.{{http.request.host}}",
                    "refresh": REFRESH,
                    "grace_period": STALE,
                    "resolver": resolver,
                    "dial_timeout": "2s",
                },
                "transport": {"protocol": "http", "resolver": resolver, "dial_timeout": "2s"},
                "load_balancing": {
                    "selection_policy": {"policy": "least_conn"},
                    "try_duration": "5s",
                    "try_interval": "50ms",
                },
                "health_checks": {"passive": {"fail_duration": "2s", "max_fails": 1}},
                "stream_close_delay": "24h",
            },
        ],
    }


def _other_route(api_port: int, pages: str) -> Json:
    """Send what is for no app to our API while it answers, else to a page."""
    return {
        "handle": [
            {
                "handler": "reverse_proxy",
                "upstreams": [{"dial": f"127.0.0.1:{api_port}"}, {"dial": pages}],
                "load_balancing": {
                    "selection_policy": {"policy": "first"},
                    "try_duration": "2s",
                    "try_interval": "10ms",
                },
                "health_checks": {"passive": {"fail_duration": "1s", "max_fails": 1}},
            }
        ]
    }


def _error_route(pages: str) -> Json:
    status = {ERROR_HEADER: ["{http.error.status_code}"]}
    return {
        "handle": [
            {
                "handler": "reverse_proxy",
                "upstreams": [{"dial": pages}],
                "rewrite": {"method": "GET"},
                "headers": {"request": {"set": status}},
            }
        ]
    }


def _logs(logs: Path) -> Json:
    dropped = ("request>headers", "request>tls", "resp_headers", "user_id", "bytes_read")
    return {
        "default": {
            "level": "WARN",
            "exclude": ["http.log.access.router"],
            "writer": _file(logs / "caddy.log", 10),
        },
        "access": {
            "include": ["http.log.access.router"],
            "writer": _file(logs / "router.log", 100),
            "encoder": {
                "format": "filter",
                "wrap": {"format": "json"},
                "fields": {field: {"filter": "delete"} for field in dropped},
            },
        },
    }


def _file(path: Path, roll_mib: int) -> Json:
    return {
        "output": "file",
        "filename": str(path),
        "mode": "0600",
        "roll_size_mb": roll_mib,
        "roll_keep": 3,
        # A reader that was away finds its place again in what it knows.
        "roll_gzip": False,
    }
