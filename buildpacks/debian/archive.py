"""Reading from a Debian mirror: nothing is believed that Debian has not signed."""

import hashlib
import lzma
import re
import shutil
import ssl
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

import httpx

from buildpacks.debian import errors
from buildpacks.debian.packages import Index
from buildpacks.debian.sources import AptSource, fields
from empire import events
from empire.errors import EmpireError
from empire.events import Line, Stream

KEYRINGS = (
    Path("/usr/share/keyrings/debian-archive-keyring.gpg"),
    Path("/usr/share/keyrings/debian-archive-keyring.pgp"),
)
MINIMAL_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
TRIES = 3


@dataclass(frozen=True, slots=True)
class Archive:
    """A suite that was found: its mirror, the mirror of its security fixes, and all its packages."""

    mirror: str
    suite: str
    security: str
    index: Index


@contextmanager
def connected() -> Iterator[httpx.Client]:
    """Return an HTTP client with the machine's trust store and apt's proxy."""
    proxy = _apt_config().get("Acquire::http::Proxy", "")
    with httpx.Client(
        verify=ssl.create_default_context(),
        proxy=proxy if proxy.startswith("http") else None,
        follow_redirects=True,
        timeout=30,
    ) as http:
        yield http


def find(
    http: httpx.Client, sources: list[AptSource], suite: str, architecture: str
) -> Stream[Archive]:
    """Return the suite from the first mirror that has it, else the suite that the machine itself runs.

    Raises Unavailable with the reason of each mirror.
    """
    refusals: list[str] = []
    for name in dict.fromkeys([suite, *(s.suite for s in sources if "-" not in s.suite)]):
        for mirror in dict.fromkeys(s.uri for s in sources if "-" not in s.suite):
            try:
                archive = yield from _opened(http, sources, mirror, name, architecture)
            except EmpireError as error:
                refusals.append(str(error))
                continue
            if name != suite:
                yield events.Warning(
                    f"No mirror gave Debian {suite}, {name} is used: {refusals[0]}"
                )
            return archive
    raise errors.no_suite(refusals)


def _opened(
    http: httpx.Client, sources: list[AptSource], mirror: str, suite: str, architecture: str
) -> Stream[Archive]:
    index = Index()
    index.add(mirror, _packages(http, mirror, suite, suite, architecture))
    yield Line(f"Debian {suite} from {mirror}: {len(index.stanzas)} packages")
    security = next((s.uri for s in sources if s.suite.endswith("-security")), "")
    for uri, name in ((mirror, f"{suite}-updates"), (security, f"{suite}-security")):
        if not uri:
            continue
        try:
            index.add(uri, _packages(http, uri, name, suite, architecture))
        except EmpireError as error:
            yield events.Warning(f"Going on without {name}: {error.what}")
    return Archive(mirror, suite, security, index)


def _packages(http: httpx.Client, mirror: str, name: str, suite: str, architecture: str) -> str:
    """Return the text of the suite's package index, checked against its signed release file."""
    folder = f"{mirror}/dists/{name}"
    address = f"{folder}/InRelease"
    release = verified(address, fetch(http, address))
    _check_release(address, release, {suite, name})
    path = f"main/binary-{architecture}/Packages.xz"
    digests = re.findall(rf"^ ([0-9a-f]{{64}}) +\d+ {re.escape(path)}$", release, re.MULTILINE)
    if not digests:
        raise errors.unreachable(f"{folder}/{path}", "The release file does not list it.")
    return lzma.decompress(fetch(http, f"{folder}/{path}", digests[0])).decode()


def fetch(http: httpx.Client, address: str, sha256: str = "") -> bytes:
    """Return the file at the address; raises Unavailable where it is missing or not the right one."""
    why = ""
    for _ in range(TRIES):
        try:
            response = http.get(address)
        except httpx.HTTPError as error:
            why = str(error) or type(error).__name__
            continue
        if response.status_code != httpx.codes.OK:
            raise errors.unreachable(address, f"The mirror answers {response.status_code}.")
        if not sha256 or hashlib.sha256(response.content).hexdigest() == sha256:
            return response.content
        why = ""
    raise errors.unreachable(address, why) if why else errors.wrong_digest(address)


def verified(address: str, signed: bytes, keyrings: tuple[Path, ...] = KEYRINGS) -> str:
    """Return the part of the clear-signed text that is signed by a key of the keyrings."""
    if not shutil.which("gpgv", path=MINIMAL_PATH):
        raise errors.no_gpgv()
    keys = [path for path in keyrings if path.exists()][:1]
    if not keys:
        raise errors.no_keyring()
    with tempfile.TemporaryDirectory() as name:
        text, source = Path(name, "text"), Path(name, "signed")
        source.write_bytes(signed)
        done = subprocess.run(
            ["gpgv", "--status-fd=1", f"--keyring={keys[0]}", f"--output={text}", source],
            capture_output=True,
            text=True,
            timeout=60,
            env={"PATH": MINIMAL_PATH, "LC_ALL": "C", "HOME": name, "GNUPGHOME": name},
        )
        # gpgv also fails for a good signature beside one whose key is not known here yet.
        if "] GOODSIG " not in done.stdout or "] BADSIG " in done.stdout:
            raise errors.unsigned(address, done.stderr.strip())
        return text.read_text()


def _check_release(address: str, release: str, names: set[str]) -> None:
    row = fields(release.partition("\nMD5Sum:")[0].partition("\nSHA256:")[0])
    if row.get("origin") != "Debian" or row.get("codename") not in names:
        named = f"{row.get('origin', 'nobody')} {row.get('codename', '')}"
        raise errors.wrong_release(address, named)
    until = row.get("valid-until", "")
    is_strict = _apt_config().get("Acquire::Check-Valid-Until", "true") in {"true", "1", "yes"}
    if until and is_strict and parsedate_to_datetime(until) < datetime.now(UTC):
        raise errors.stale(address, until)


def _apt_config() -> dict[str, str]:
    if not shutil.which("apt-config", path=MINIMAL_PATH):
        return {}
    done = subprocess.run(
        ["apt-config", "dump"],
        capture_output=True,
        text=True,
        timeout=60,
        env={"PATH": MINIMAL_PATH, "LC_ALL": "C"},
    )
    return dict(re.findall(r'^(\S+) "(.*)";$', done.stdout, re.MULTILINE))
