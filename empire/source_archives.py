"""Sources that come as archives instead of by git: where a person puts one, what a build is told.

sources/ID.tar.gz      one upload; the address that names it is the permission, and runs out
"""

import json
import re
import secrets
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

from empire.errors import Conflict, InvalidInput
from empire.names import shown
from empire.secrets import Vault

PUT, GET = "put", "get"
PUT_SECONDS = 3600
KEPT_SECONDS = 24 * 3600
_PLACE = re.compile(r"/sources/([0-9a-f]{32})\Z")
_CHECKSUM = re.compile(r"SHA256:[0-9a-f]{64}", re.IGNORECASE)
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class SourceBlob:
    """Heroku's name for where a source is: an archive's address, and what its owner says of it."""

    url: str
    checksum: str = ""
    version: str = ""
    description: str = ""

    @property
    def subject(self) -> str:
        """What stands in the release's description, behind Deploy."""
        version = self.version[:8] if _COMMIT.fullmatch(self.version) else self.version
        words = [" ".join(text.split()) for text in (version, self.description)]
        return ": ".join(word for word in words if word)[:200] or "an archive"

    @property
    def place(self) -> str:
        """The address without what in it may be a secret."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"

    def to_json(self) -> str:
        """Return it as it is kept, sealed, with its deployment."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "SourceBlob":
        """Return what to_json wrote."""
        return cls(**json.loads(text))


class Shelf:
    """The uploaded archives of one server."""

    def __init__(self, home: Path, vault: Vault) -> None:
        self._folder = home / "sources"
        self._vault = vault

    def offer(self) -> tuple[str, str]:
        """Return the paths, with their marks, to put a new archive and to get it; clear away old ones."""
        self.sweep()
        name = secrets.token_hex(16)
        return self._signed(name, PUT, PUT_SECONDS), self._signed(name, GET, KEPT_SECONDS)

    def file_of(self, url: str, act: str = GET) -> Path | None:
        """Return where the archive of an address lies or shall lie; None for one that we did not give.

        Raises Conflict when the time of the address is over.
        """
        path, _, text = url.partition("#")[0].partition("?")
        found, query = _PLACE.search(path), parse_qs(text)
        mark, until = (query.get(name, [""])[0] for name in ("mark", "expires"))
        if not found or not self._vault.is_signed(_text(found[1], act, until), mark):
            return None
        if int(until) < time.time():
            raise Conflict(
                "The time of this address is over.", fix="Ask for a new one: POST /sources"
            )
        return self._folder / f"{found[1]}.tar.gz"

    def taken(self, blob: SourceBlob) -> None:
        """See that what a build will need can be right; keep an uploaded archive for another day.

        Raises InvalidInput.
        """
        if blob.checksum and not _CHECKSUM.fullmatch(blob.checksum):
            raise InvalidInput(
                f"{shown(blob.checksum)} is not a checksum.",
                fix="Send SHA256: and 64 hexadecimal digits, or none.",
            )
        file = self.file_of(blob.url)
        if file is None:
            check_address(blob.url)
        elif file.exists():
            file.touch()
        else:
            raise InvalidInput(
                "Nothing was uploaded there.",
                fix="Send the archive first: curl -T source.tar.gz PUT_URL",
            )

    def spare(self, name: str) -> Path:
        """Return where an archive that is fetched from elsewhere may lie."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return self._folder / f"{name}.fetched"

    def sweep(self) -> None:
        """Delete what is too old to be of use."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for file in self._folder.iterdir():
            if file.stat().st_mtime < time.time() - KEPT_SECONDS:
                file.unlink(missing_ok=True)

    def _signed(self, name: str, act: str, seconds: int) -> str:
        until = str(int(time.time()) + seconds)
        mark = self._vault.sign(_text(name, act, until))
        return f"/sources/{name}?{urlencode({'expires': until, 'mark': mark})}"


def check_address(url: str) -> None:
    """Raise InvalidInput unless it is an address that an archive may be fetched from."""
    try:
        parts = urlsplit(url)
        is_right = parts.scheme == "https" and parts.hostname and (parts.port or 443)
    except ValueError:
        is_right = False
    if not is_right:
        raise InvalidInput(
            f"{shown(url.partition('?')[0])} is no address to fetch a source from.",
            why="A source comes over https, or from the get_url of POST /sources.",
            fix="Upload it: POST /sources gives the put_url.",
        )


def _text(name: str, act: str, until: str) -> str:
    return f"source {act} {name} {until}"
