"""What a person sees while something long happens. `str(event)` is the line in the terminal.

Long work is a generator: it yields events and returns what the program needs, so
`image = yield from builder.build(source)` both streams and computes.
"""

import dataclasses
import json
import re
from collections.abc import Generator
from dataclasses import dataclass
from typing import TypeVar

from empire.errors import EmpireError

T = TypeVar("T")

CONTROL = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(\x07|\x1b\\)?|\x1b.?|[\x00-\x08\x0b-\x1f\x7f-\x9f]"
)


@dataclass(frozen=True, slots=True)
class Stage:
    """A new part of the story, such as "Building with Dockerfile"."""

    text: str

    def __str__(self) -> str:
        return f"-----> {self.text}"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of output under the last stage."""

    text: str

    def __str__(self) -> str:
        return f"       {self.text}"


@dataclass(frozen=True, slots=True)
class Warning:  # noqa: A001 - the word people know from git and Heroku
    """Something a person should know that does not stop the work."""

    text: str

    def __str__(self) -> str:
        return f" !     {self.text}"


@dataclass(frozen=True, slots=True)
class Released:
    """A release was made."""

    version: int

    def __str__(self) -> str:
        return f"-----> Released v{self.version}"


@dataclass(frozen=True, slots=True)
class Live:
    """The new version answers through the router. Nothing that the pusher waits for comes after it."""

    version: int
    url: str

    def __str__(self) -> str:
        return (
            f"-----> v{self.version} is live at {self.url}"
            if self.url
            else f"-----> v{self.version} is live"
        )


@dataclass(frozen=True, slots=True)
class Failed:
    """It ended without going live. The parts are those of an EmpireError."""

    code: str
    what: str
    why: str = ""
    fix: str = ""

    def __str__(self) -> str:
        lines = "\n".join(part for part in (self.what, self.why, self.fix) if part).splitlines()
        return "\n".join(f" !     {line}".rstrip() for line in lines)

    @classmethod
    def of(cls, error: EmpireError) -> "Failed":
        """Return the event that tells of the error."""
        return cls(error.code, error.what, error.why, error.fix)


@dataclass(frozen=True, slots=True)
class Quiet:
    """Nothing was said for a while. Never stored; a reader may send a keep-alive for it."""

    def __str__(self) -> str:
        return ""


Event = Stage | Line | Warning | Released | Live | Failed | Quiet
Stream = Generator[Event, None, T]

_KINDS: dict[str, type[Event]] = {
    kind.__name__: kind for kind in (Stage, Line, Warning, Released, Live, Failed)
}


def masked(text: str) -> str:
    """Return the text without control characters and terminal sequences; tabs and newlines stay."""
    return CONTROL.sub("", text)


def encode(event: Event) -> bytes:
    """Return the event as one JSON line. What is not Unicode text comes back as U+FFFD."""
    row = {"event": type(event).__name__, **dataclasses.asdict(event)}
    return json.dumps(row, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n"


def decode(line: bytes) -> Event:
    """Return the event of one JSON line; raises ValueError for anything else."""
    row = json.loads(line.decode("utf-8", "replace"))
    try:
        return _KINDS[row.pop("event")](**row)
    except (AttributeError, KeyError, TypeError):
        raise ValueError("The line is no event.") from None


def is_last(event: Event) -> bool:
    """Tell whether the story of a deployment ends with this event."""
    return isinstance(event, Live | Failed)
