"""Fetches an archive from elsewhere: over https, from public addresses, up to a size and a time.

A name is resolved once, and what it resolves to is checked and connected to. So nobody reaches the
server's own network, or a cloud's metadata, by an address of their choice or by a redirect.
"""

import http.client
import shutil
import socket
import ssl
import time
from base64 import b64encode
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from pathlib import Path
from urllib.parse import SplitResult, unquote, urljoin, urlsplit

from empire.errors import BuildFailed, Cancelled, TimedOut, TooMuch, Unavailable
from empire.names import shown
from empire.platform import IsCancelled
from empire.settings import Settings
from empire.source_archives import check_address

MIB = 1024 * 1024
CHUNK = 256 * 1024
REDIRECTS = (301, 302, 303, 307, 308)
HOPS = 5
SILENT_SECONDS = 15.0
# They lead to addresses of IPv4, which would be checked as what they are not.
BRIDGES = (IPv6Network("64:ff9b::/96"), IPv6Network("2002::/16"), IPv6Network("2001::/32"))


def fetch(url: str, target: Path, settings: Settings, is_cancelled: IsCancelled) -> None:
    """Write what is at the address into the file.

    Raises BuildFailed, InvalidInput for an address that is not allowed, TooMuch, TimedOut, Cancelled.
    """
    deadline = time.monotonic() + settings.archive_fetch_seconds
    for _ in range(HOPS + 1):
        check_address(url)
        parts = urlsplit(url)
        connection = _Pinned(parts, _address_of(parts, settings))
        try:
            connection.request("GET", _path(parts), headers=_headers(parts))
            with connection.getresponse() as answer:
                if answer.status not in REDIRECTS:
                    _store(answer, target, settings, deadline, is_cancelled)
                    return
                url = urljoin(url, answer.getheader("Location") or "")
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise _failed(parts, str(error) or type(error).__name__) from None
        finally:
            connection.close()
    raise _failed(urlsplit(url), f"There are more than {HOPS} redirects.")


class _Pinned(http.client.HTTPSConnection):
    """A connection to the address that was checked, whatever the name resolves to by now."""

    def __init__(self, parts: SplitResult, address: str) -> None:
        self._secure = ssl.create_default_context()
        self._address = address
        super().__init__(
            parts.hostname or "", parts.port or 443, timeout=SILENT_SECONDS, context=self._secure
        )

    def connect(self) -> None:
        plain = socket.create_connection((self._address, self.port), self.timeout)
        self.sock = self._secure.wrap_socket(plain, server_hostname=self.host)


def is_public(address: str) -> bool:
    """Tell whether the address is one that everybody may talk to."""
    found: IPv4Address | IPv6Address = ip_address(address.partition("%")[0])
    if isinstance(found, IPv6Address):
        if any(found in bridge for bridge in BRIDGES):
            return False
        found = found.ipv4_mapped or found
    return found.is_global and not found.is_multicast


def _address_of(parts: SplitResult, settings: Settings) -> str:
    host = parts.hostname or ""
    try:
        rows = socket.getaddrinfo(host, parts.port or 443, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise _failed(parts, f"There is no host {shown(host)}.") from None
    found = [str(row[4][0]) for row in rows]
    trusted = [name.strip() for name in settings.archive_private_hosts.split(",")]
    if host not in trusted and not all(is_public(address) for address in found):
        raise BuildFailed(
            f"A source is not fetched from {shown(host)}.",
            why="It is an address of a private network.",
            fix="Upload it: POST /sources gives the put_url. "
            "(The operator may name the host in EMPIRE_ARCHIVE_PRIVATE_HOSTS.)",
        )
    return found[0]


def _path(parts: SplitResult) -> str:
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _headers(parts: SplitResult) -> dict[str, str]:
    headers = {"User-Agent": "empire", "Accept": "*/*", "Accept-Encoding": "identity"}
    if parts.username:
        login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers["Authorization"] = f"Basic {b64encode(login.encode()).decode()}"
    return headers


def _store(
    answer: http.client.HTTPResponse,
    target: Path,
    settings: Settings,
    deadline: float,
    is_cancelled: IsCancelled,
) -> None:
    if answer.status != 200:
        raise BuildFailed(f"The source could not be fetched: status {answer.status}.")
    received = 0
    with target.open("wb") as file:
        while chunk := answer.read1(CHUNK):
            received += len(chunk)
            if received > settings.archive_max_mib * MIB:
                raise too_large(settings)
            if time.monotonic() > deadline:
                raise TimedOut(
                    f"The source was not here after {settings.archive_fetch_seconds:.0f} s.",
                    why="EMPIRE_ARCHIVE_FETCH_SECONDS is the limit.",
                )
            if is_cancelled():
                raise Cancelled("The deployment was cancelled while its source was fetched.")
            file.write(chunk)
    if answer.length:
        raise BuildFailed("The source was cut off while it was fetched.", fix="Try again.")
    if shutil.disk_usage(target.parent).free < settings.disk_reserve_mib * MIB:
        raise Unavailable("The server's disk is full.", fix="Ask the operator to make room.")


def too_large(settings: Settings) -> TooMuch:
    """Return the error for an archive that exceeds the limit."""
    return TooMuch(
        f"The archive is larger than {settings.archive_max_mib} MiB.",
        why="Empire limits the size of an archive (EMPIRE_ARCHIVE_MAX_MIB).",
        fix="Leave large files out of it.",
    )


def _failed(parts: SplitResult, why: str) -> BuildFailed:
    return BuildFailed(f"The source could not be fetched from {parts.hostname}.", why=why)
