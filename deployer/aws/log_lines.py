"""From what stands in CloudWatch to an app's log lines, and back. Pure translation, no calls."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from deployer.aws.streams import OURS, Place, place_of
from empire.logs import LogFilter
from empire.manifest import LogLine

END = re.compile(r"\[empire [0-9a-f]{12}: exited with \d+\]\s*$")
"""What a one-off's shell says at last; it is for us alone."""
NONE = "-"
MOST_BYTES = 250_000
"""How long a line may be: CloudWatch takes 256 KiB, and counts 26 bytes of its own."""
DEEPEST = 5

Row = dict[str, Any]
"""An event as FilterLogEvents shows it."""

Names = Callable[[str, str, str], str]
"""Returns the dyno of an app, a process type, a task; empty where nobody knows."""


@dataclass(frozen=True, slots=True)
class Found:
    """One event: its id, its stream, and the line that it is."""

    id: str
    stream: str
    line: LogLine


def found(row: Row, names: Names) -> Found | None:
    """Return the line of an event; None for what is no line of an app."""
    place = place_of(row["logStreamName"])
    if place is None:
        return None
    at, message = row["timestamp"] / 1000, row["message"]
    if place.is_ours:
        source, _, rest = message.partition(" ")
        dyno, _, text = rest.partition(" ")
        line = LogLine(at, source, "" if dyno == NONE else dyno, text)
    else:
        text = END.sub("", message).rstrip("\r\n")
        if not text and END.search(message):
            return None
        line = LogLine(at, "app", _dyno(place, names), text)
    return Found(row["eventId"], row["logStreamName"], line)


def event(line: LogLine) -> dict[str, Any]:
    """Return the event of a line that the platform writes."""
    message = f"{line.source} {line.dyno or NONE} {line.text}"
    content = message.encode("utf-8", "replace")[:MOST_BYTES]
    return {"timestamp": stamp(line.at), "message": content.decode("utf-8", "ignore")}


def stamp(at: float) -> int:
    """Return a time as CloudWatch counts: whole milliseconds since the epoch."""
    return round(at * 1000)


def prefix(app: str, wish: LogFilter) -> str:
    """Return what the names of all streams begin with that may hold a wished line."""
    if wish.dyno and wish.source == "app":
        return f"{app}/{wish.dyno.partition('.')[0]}/"
    if wish.source and wish.source != "app":
        return f"{app}/{OURS}/"
    return f"{app}/"


def _dyno(place: Place, names: Names) -> str:
    """Return the dyno that wrote; of one that nobody remembers, its type and a part of its task."""
    known = names(place.app, place.process, place.task)
    return known or f"{place.process}.{place.task[:DEEPEST]}"
