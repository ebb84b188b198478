"""empire logs."""

import sys
import time
import zlib
from typing import Annotated

import typer

from cli.client import Client, connect, path
from cli.git import AppOption, app_of
from cli.output import data, say
from empire.errors import Unavailable
from empire.events import masked

RETRY_SECONDS = 1.0
COLOURS = (32, 33, 34, 35, 36, 92, 93, 94, 95, 96)


def index(
    context: typer.Context,
    app: AppOption = "",
    tail: Annotated[bool, typer.Option("--tail", "-t", help="Go on as lines come.")] = False,
    num: Annotated[int, typer.Option("-n", "--num", min=0, help="How many lines.")] = 100,
    dyno: Annotated[
        str, typer.Option("-p", "--ps", "-d", "--dyno", help="Of this dyno or type: web.1, web.")
    ] = "",
    source: Annotated[
        str, typer.Option("-s", "--source", help="app, router, build, release, platform, heroku.")
    ] = "",
    since: Annotated[str, typer.Option("--since", help="From 10m, 2h, 1d ago or a time on.")] = "",
    grep: Annotated[str, typer.Option("-g", "--grep", help="Lines with this text.")] = "",
) -> None:
    """Show an app's log."""
    client = connect(context)
    parts = {"dyno": dyno, "source": source, "since": since, "grep": grep}
    wish = {"lines": num, "tail": tail} | {name: text for name, text in parts.items() if text}
    session = client.post(path("apps", app_of(app), "log-sessions"), wish)
    seen = _show(client, session["logplex_url"], "")
    while tail:
        time.sleep(RETRY_SECONDS)
        try:
            seen = _show(client, session["logplex_url"], seen)
        except Unavailable as error:
            say(f"{error.what} Trying again.")


def _show(client: Client, url: str, seen: str) -> str:
    """Print the log's lines and return the id of the last one."""
    for line in client.lines(url, {"Last-Event-ID": seen} if seen else None):
        field, _, value = line.partition(": ")
        if field == "id":
            seen = value
        elif field == "data":
            data(_coloured(masked(value)) if sys.stdout.isatty() else masked(value))
    return seen


def _coloured(line: str) -> str:
    """Give each speaker a colour of its own, as Heroku does."""
    head, colon, text = line.partition("]: ")
    speaker = head.partition(" ")[2]
    colour = COLOURS[zlib.crc32(speaker.encode()) % len(COLOURS)]
    return f"\x1b[{colour}m{head}{colon}\x1b[0m{text}"
