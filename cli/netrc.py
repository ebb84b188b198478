"""The token in ~/.netrc: one entry a server, the others left as they are, mode 0600."""

import re
from netrc import NetrcParseError, netrc
from pathlib import Path

from empire.files import write_whole


def token_of(path: Path, machine: str) -> str | None:
    """Return the token that the file holds for the machine (host:port), or None."""
    try:
        entry = netrc(str(path)).authenticators(machine)
    except (FileNotFoundError, NetrcParseError):
        return None
    return entry[2] if entry else None


def put(path: Path, machine: str, login: str, token: str) -> None:
    """Write the machine's entry, in place of an earlier one."""
    text = path.read_text() if path.exists() else ""
    words = re.compile(
        rf"^machine\s+{re.escape(machine)}\s+(?:(?:login|password|account)\s+\S+\s*)*", re.MULTILINE
    )
    rest = words.sub("", text)
    if rest and not rest.endswith("\n"):
        rest += "\n"
    entry = f"machine {machine}\n  login {login}\n  password {token}\n"
    write_whole(path, (rest + entry).encode(), mode=0o600)
