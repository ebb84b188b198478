"""What runs in a task's own /bin/sh around a person's command, and how its output is read.

ECS Exec knows a terminal and nothing else: no second stream, no end of input, no exit status. So a
command without a terminal is wrapped: what it reads and writes goes through the terminal in parts,
and its status comes last. That needs `stty`, `dd` and `base64` in the image (coreutils or busybox).

The command and its environment are never in the call itself, which AWS writes down in its own logs:
they are sent through the session.
"""

import base64
import binascii
import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from empire.secrets import Secret

READY, GO = b"ready", b"go"
CHUNK_BYTES = 3000
"""How much output a part holds: with its frame it goes through a pipe undivided."""
PUT_BYTES = 16 * 1024
"""How much input a part holds."""

BOOT = """\
take() {{ dd bs="$1" count=1 iflag=fullblock 2>/dev/null; }}
saved=$(stty -g) && stty raw -echo && printf "{mark}=ready;" && size=$(take 8) &&
eval "$(take "${{size%% *}}")"
"""
TERMINAL = """\
stty "$saved"
tries=0
while [ $tries -lt 50 ] && [ "$(stty size 2>/dev/null)" = "0 0" ]; do
    sleep 0.02
    tries=$((tries + 1))
done
unset tries saved size
printf "{mark}=go;"
trap : INT QUIT
{environment}/bin/sh -c {command}
printf "{mark}=%s;" "$?"
sleep 1
"""
PIPED = """\
unset saved size
pump() {{
    while chunk=$(dd bs={chunk_bytes} count=1 2>/dev/null | base64) && [ -n "$chunk" ]; do
        printf "%s%s." "$1" "$chunk"
    done
}}
feed() {{
    while size=$(take 8) && size=${{size%% *}} && [ "${{size:-0}}" -gt 0 ]; do
        take "$size" || return
    done
}}
printf "{mark}=go;"
{{
    status=$({{ {{ {{
        (exec 3>&- 4>&- 6>&-; feed <&5 &) | {{
            {environment}/bin/sh -c {command} 2>&1 1>&6 3>&- 4>&- 5<&- 6>&-
            echo $? >&4
        }}
    }} | (exec >&3 3>&- 4>&- 5<&- 6>&-; pump 2); }} 6>&1 | (exec >&3 3>&- 4>&- 5<&-; pump 1); }} 4>&1)
    printf "x%s." "$status" >&3
}} 3>&1 5<&0 | cat
trap "" HUP
kill -HUP 0
sleep 1
"""
"""Descriptor 3 leads out, 4 takes the status, 5 is the terminal's input, 6 the first pump's.

`exec` closes what a function's own redirections would only put aside, and so keep open.
At last both wait to be ended: what was written just before the end of a session may be lost with it.
"""


def boot(mark: str) -> str:
    """Return the command that waits for a script and runs it."""
    return f"/bin/sh -c {shlex.quote(BOOT.format(mark=mark).strip())}"


def script(mark: str, command: str, env: Mapping[str, Secret], has_terminal: bool) -> bytes:
    """Return the script that runs a command, as it is sent. Here secrets are revealed to run."""
    text = (TERMINAL if has_terminal else PIPED).format(
        mark=mark,
        command=shlex.quote(command),
        chunk_bytes=CHUNK_BYTES,
        environment="".join(
            f"{name}={shlex.quote(value.reveal())} " for name, value in env.items()
        ),
    )
    content = text.encode("utf-8", "surrogateescape")
    return _headed(content)


def fed(content: bytes) -> list[bytes]:
    """Return input in the parts that `feed` takes; its end when there is none."""
    parts = [content[at : at + PUT_BYTES] for at in range(0, len(content), PUT_BYTES)] or [b""]
    return [_headed(part) for part in parts]


@dataclass
class Piped:
    """Reads what PIPED writes."""

    status: int | None = None
    _held: bytes = b""

    def take(self, content: bytes) -> list[tuple[int, bytes]]:
        """Return the output that is whole now, with its stream."""
        *parts, self._held = (self._held + content).split(b".")
        found: list[tuple[int, bytes]] = []
        for part in parts:
            kind, text = part[:1], part[1:]
            if kind == b"x":
                self.status = _number(text)
            elif kind in (b"1", b"2"):
                found.append((int(kind), _unpacked(text)))
        return found


@dataclass
class Terminal:
    """Reads what TERMINAL writes: everything, up to the mark with the status."""

    mark: bytes
    status: int | None = None
    _held: bytes = b""

    def take(self, content: bytes) -> list[tuple[int, bytes]]:
        """Return the output that is surely no part of the mark."""
        sign, self._held = self.mark + b"=", self._held + content
        text, found, rest = self._held.partition(sign)
        if found and rest.endswith(b";"):
            self.status, self._held = _number(rest[:-1]), b""
        else:
            text = text if found else text[: len(text) - _overlap(text, sign)]
            self._held = self._held[len(text) :]
        return [(1, text)] if text else []


def after(mark: bytes, word: bytes, content: bytes) -> bytes | None:
    """Return what comes after the mark with a word; None while it is not there."""
    _, found, rest = content.partition(b"%b=%b;" % (mark, word))
    return rest if found else None


def _headed(content: bytes) -> bytes:
    """Return the content after its length, which is of a fixed size: not every `read` stops there."""
    return b"%-8d%b" % (len(content), content)


def _overlap(text: bytes, sign: bytes) -> int:
    """Return how many of the text's last bytes could begin the sign."""
    sizes = range(min(len(text), len(sign) - 1), 0, -1)
    return next((size for size in sizes if text.endswith(sign[:size])), 0)


def _number(text: bytes) -> int:
    return int(text) if text.isdigit() else 1


def _unpacked(text: bytes) -> bytes:
    try:
        return base64.b64decode(text)
    except binascii.Error:
        return b""
