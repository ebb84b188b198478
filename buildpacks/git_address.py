"""Where other repositories may be fetched from: https alone, and only hosts that the operator allows."""

import base64
import ipaddress
import re
import socket
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from buildpacks import repository_errors as errors

ANY = "*"
REF = re.compile(r"(?!-)(?!.*(\.\.|//|@\{))[\w./+@-]{1,200}")
OTHER_TRANSPORT = re.compile(r"[\w.+-]+::|[\w.+-]+://|[^/]+:(?!//)|/")


@dataclass(frozen=True, slots=True)
class Address:
    """A repository's URL without its credentials, which travel apart from it, and a ref of it."""

    url: str
    ref: str = ""
    credentials: str = field(default="", repr=False)

    @property
    def shown(self) -> str:
        """The address as people may read it."""
        return f"{self.url}#{self.ref}" if self.ref else self.url

    @property
    def authorization(self) -> str:
        """The value of the header that the credentials make, empty without any."""
        if not self.credentials:
            return ""
        return "Basic " + base64.b64encode(self.credentials.encode()).decode()


def parsed(text: str, allowed: str) -> Address:
    """Return the address of `URL` or `URL#REF`; raises InvalidInput that never quotes credentials.

    `allowed` is the setting with the hosts, `*` being any over https but this machine.
    """
    plain, _, ref = text.strip().partition("#")
    if not plain.startswith(("https://", "http://")):
        raise errors.wrong_address(_bare(plain), _why_not(plain))
    try:
        url = urlsplit(plain)
        host, port = url.hostname or "", url.port
    except ValueError as error:
        raise errors.wrong_address(_bare(plain), f"It is no URL: {error}.") from None
    if not host or re.search(r"[\s\x00-\x1f\"\\]", plain):
        raise errors.wrong_address(
            _bare(plain), "It names no host, or has characters that no URL has."
        )
    if ref and not REF.fullmatch(ref):
        raise errors.wrong_address(
            _bare(plain), "What follows # is no name of a branch, tag or commit."
        )
    place = f"[{host}]" if ":" in host else host
    where = place if port is None else f"{place}:{port}"
    clean = f"{url.scheme}://{where}{url.path}" + (f"?{url.query}" if url.query else "")
    _refuse(url.scheme, host, where, [one.strip() for one in allowed.split(",")], clean)
    user, _, password = url.netloc.rpartition("@")[0].partition(":")
    credentials = f"{unquote(user)}:{unquote(password)}" if user else ""
    return Address(clean, ref, credentials)


def _refuse(scheme: str, host: str, where: str, allowed: list[str], url: str) -> None:
    if scheme == "http":
        if f"http://{where}" not in allowed:
            raise errors.wrong_address(url, "Plain http is not allowed; https is.")
        return
    if where in allowed or host in allowed:
        return
    if ANY not in allowed:
        raise errors.wrong_address(url, "The operator allows other hosts: EMPIRE_BUILD_GIT_HOSTS.")
    if any(_is_inside(address) for address in _addresses(host)):
        raise errors.wrong_address(
            url, f"{host} is this machine or its neighbour; EMPIRE_BUILD_GIT_HOSTS can name it."
        )


def _addresses(host: str) -> list[str]:
    """Return where the name leads; behind a proxy the machine itself may not know."""
    try:
        return [str(row[4][0]) for row in socket.getaddrinfo(host, None)]
    except (OSError, UnicodeError):
        return []


def _is_inside(address: str) -> bool:
    ip = ipaddress.ip_address(address.partition("%")[0])
    ip = getattr(ip, "ipv4_mapped", None) or ip
    return ip.is_loopback or ip.is_link_local or ip.is_unspecified or ip.is_multicast


def _why_not(url: str) -> str:
    if url.startswith(("./", "../")):
        return (
            "It is relative to where the repository came from, which this server does not know. "
            "Write the whole URL."
        )
    if OTHER_TRANSPORT.match(url):
        return "This server fetches over https alone."
    return "It is no URL."


def _bare(url: str) -> str:
    """Return the text without what may be credentials."""
    return re.sub(r"(?<=://)[^/]*@", "", url)
