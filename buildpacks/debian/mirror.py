"""Reading from a mirror by HTTP: nothing is believed that Debian has not signed."""

import hashlib
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
from buildpacks.debian.sources import fields

KEYRINGS = (
    Path("/usr/share/keyrings/debian-archive-keyring.gpg"),
    Path("/usr/share/keyrings/debian-archive-keyring.pgp"),
)
MINIMAL_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
TRIES = 3


@dataclass(frozen=True, slots=True)
class Reader:
    """Fetches files and checks them. Where it is not strict, an index may be past its own date."""

    http: httpx.Client
    keyrings: tuple[Path, ...] = KEYRINGS
    is_strict: bool = True

    def fetch(self, address: str, sha256: str = "") -> bytes:
        """Return the file; raises Unavailable where it is missing or not the one of this digest."""
        why = ""
        for _ in range(TRIES):
            try:
                response = self.http.get(address)
            except httpx.HTTPError as error:
                why = str(error) or type(error).__name__
                continue
            if response.status_code != httpx.codes.OK:
                raise errors.unreachable(address, f"The mirror answers {response.status_code}.")
            if not sha256 or hashlib.sha256(response.content).hexdigest() == sha256:
                return response.content
            why = ""
        raise errors.unreachable(address, why) if why else errors.wrong_digest(address)

    def release(self, folder: str, codenames: set[str]) -> str:
        """Return the signed release file of a suite's folder, which must name one of these."""
        address = f"{folder}/InRelease"
        text = self.verified(address, self.fetch(address))
        row = fields(re.split(r"^(?:MD5Sum|SHA256):", text, maxsplit=1, flags=re.MULTILINE)[0])
        if row.get("origin") != "Debian" or row.get("codename") not in codenames:
            named = f"{row.get('origin', 'nobody')} {row.get('codename', '')}"
            raise errors.wrong_release(address, named)
        until = row.get("valid-until", "")
        if until and self.is_strict and parsedate_to_datetime(until) < datetime.now(UTC):
            raise errors.stale(address, until)
        return text

    def verified(self, address: str, signed: bytes) -> str:
        """Return the part of the clear-signed text that a key of the keyrings has signed."""
        if not shutil.which("gpgv", path=MINIMAL_PATH):
            raise errors.no_gpgv()
        keyring = next((path for path in self.keyrings if path.exists()), None)
        if keyring is None:
            raise errors.no_keyring()
        with tempfile.TemporaryDirectory() as name:
            text, source = Path(name, "text"), Path(name, "signed")
            source.write_bytes(signed)
            done = subprocess.run(
                ["gpgv", "--status-fd=1", f"--keyring={keyring}", f"--output={text}", source],
                capture_output=True,
                text=True,
                timeout=60,
                env={"PATH": MINIMAL_PATH, "LC_ALL": "C", "HOME": name, "GNUPGHOME": name},
            )
            # gpgv also fails for a good signature beside one whose key is not known here yet.
            if "] GOODSIG " not in done.stdout or "] BADSIG " in done.stdout:
                raise errors.unsigned(address, done.stderr.strip())
            return text.read_text()


@contextmanager
def connected() -> Iterator[Reader]:
    """Return a reader that goes the way apt goes on this machine: its proxy, its strictness."""
    options = apt_options()
    proxy = options.get("Acquire::http::Proxy", "")
    with httpx.Client(
        verify=ssl.create_default_context(),
        proxy=proxy if proxy.startswith("http") else None,
        follow_redirects=True,
        timeout=30,
    ) as http:
        strict = options.get("Acquire::Check-Valid-Until", "true").lower()
        yield Reader(http, is_strict=strict in {"true", "yes", "1"})


def apt_options() -> dict[str, str]:
    """Return apt's configuration, empty where there is no apt."""
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
