"""How things are shown: data on stdout, talk on stderr, and JSON for machines."""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from empire.events import Event, Failed, masked

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def data(text: str) -> None:
    """Print a line that was asked for."""
    _write(sys.stdout, text)


def say(text: str) -> None:
    """Tell the person something; whoever reads the data does not see it."""
    _write(sys.stderr, text)


def as_json(value: Any) -> None:
    """Print the value as JSON."""
    data(json.dumps(value, indent=2, ensure_ascii=False))


def table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print the rows in columns under their titles."""
    lines = [tuple(titles), *(tuple(masked(cell) for cell in row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(titles))]
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        data("  ".join(cells).rstrip())


def pairs(entries: dict[str, str]) -> None:
    """Print names and values, a line each."""
    width = max(map(len, entries), default=0) + 2
    for name, value in entries.items():
        data(f"{name + ':':{width}}{masked(value)}".rstrip())


def age(written: str) -> str:
    """Return how long ago the ISO time was, as one says it."""
    seconds = max((datetime.now(UTC) - datetime.fromisoformat(written)).total_seconds(), 0)
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size:.0f} {unit} ago"
    return f"{seconds:.0f} s ago"


@contextmanager
def working(text: str) -> Iterator[None]:
    """Show that something takes its time, with a moving sign where a person looks."""
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        say(f"{text} ...")
        yield
        return
    with console.status(text):
        yield


def follow(events: Iterator[Event], is_data: bool = False) -> None:
    """Show the events as they come; exits 1 when the last one tells of a failure."""
    last: Event | None = None
    for last in events:
        (data if is_data else say)(masked(str(last)))
    if isinstance(last, Failed):
        raise typer.Exit(1)


def _write(stream: Any, text: str) -> None:
    # What a terminal's encoding cannot hold must not end the command.
    encoding = stream.encoding or "utf-8"
    stream.write(text.encode(encoding, "replace").decode(encoding) + "\n")
    stream.flush()
