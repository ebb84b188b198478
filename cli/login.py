"""empire login: keep a token."""

import sys
from pathlib import Path
from urllib.parse import urlsplit

import typer

from cli import netrc
from cli.client import connect, server_of
from cli.output import say
from cli.server import DEFAULT_URL


def login(context: typer.Context) -> None:
    """Keep a token for this server in ~/.netrc.

    The token is asked for, or read from the standard input when that is no terminal.
    """
    server = server_of(context)
    if sys.stdin.isatty():
        token = typer.prompt(f"Token for {server.url}", hide_input=True, err=True)
    else:
        token = sys.stdin.readline()
    token = token.strip()
    account = connect(context, token).get("/account")
    netrc.put(Path.home() / ".netrc", urlsplit(server.url).netloc, account["email"], token)
    say(f"Logged in at {server.url} as {account['email']}.")
    if server.url != DEFAULT_URL:
        say(f"Other commands find it by: export EMPIRE_URL={server.url}")
