"""empire logs."""

import time
from typing import Annotated

import typer

from cli.client import Client, connect, path
from cli.git import AppOption, app_of
from cli.output import data, say
from empire.errors import Unavailable
from empire.events import masked

RETRY_SECONDS = 1.0


def index(
    context: typer.Context,
    app: AppOption = "",
    tail: Annotated[bool, typer.Option("--tail", "-t", help="Go on as lines come.")] = False,
    num: Annotated[int, typer.Option("-n", "--num", min=0, help="How many lines.")] = 100,
    dyno: Annotated[str, typer.Option("-d", "--dyno", help="Of this dyno or type.")] = "",
    source: Annotated[str, typer.Option("-s", "--source", help="app or heroku.")] = "",
) -> None:
    """Show an app's log."""
    client = connect(context)
    wish = {"lines": num, "tail": tail, "dyno": dyno or None, "source": source or None}
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
            data(masked(value))
    return seen
