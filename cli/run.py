"""empire run, run:detached, ps:exec: commands with the person at their other end, or without."""

import shlex
import sys
from typing import Annotated, Any

import typer

from cli import attach, errors
from cli.client import Client, connect, path
from cli.git import AppOption, app_of
from cli.output import data, say
from empire.names import ConfigName

Words = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="COMMAND...", show_default=False,
        help="One word may be a whole shell line; several arrive as they are.",
    ),
]  # fmt: skip
Env = Annotated[
    list[str] | None,
    typer.Option("-e", "--env", metavar="NAME=VALUE", help="Set a variable for this run alone."),
]
SizeOption = Annotated[str, typer.Option("-s", "--size", help="The dyno's size, such as 2X.")]
NoTty = Annotated[bool, typer.Option("--no-tty", help="Use pipes, even on a terminal.")]
Term = Annotated[str, typer.Option(envvar="TERM", hidden=True)]
SHELL = "command -v bash >/dev/null && exec bash || exec sh"


def run(
    context: typer.Context,
    words: Words = None,
    app: AppOption = "",
    is_detached: Annotated[
        bool, typer.Option("-d", "--detached", help="Print the dyno's name and do not wait.")
    ] = False,
    env: Env = None,
    size: SizeOption = "",
    no_tty: NoTty = False,
    term: Term = "",
) -> None:
    """Run a command in a dyno of its own."""
    if is_detached:
        detached(context, words, app, env, size)
        return
    client, app = connect(context), app_of(app)
    has_terminal = _has_terminal(no_tty)
    wish = _wish(words, env, size) | {"attach": True, "force_no_tty": not has_terminal}
    if has_terminal and term:
        wish["env"] = {"TERM": term, **wish["env"]}
    _converse(client, client.post(path("apps", app, "dynos"), wish), has_terminal)


def detached(
    context: typer.Context,
    words: Words = None,
    app: AppOption = "",
    env: Env = None,
    size: SizeOption = "",
) -> None:
    """Run a command in a dyno that nobody waits for."""
    client, app = connect(context), app_of(app)
    made = client.post(path("apps", app, "dynos"), _wish(words, env, size) | {"attach": False})
    data(made["name"])
    say(f"It runs on its own. Its output: empire logs -d {made['name']} -a {app}")


def inside(
    context: typer.Context,
    dyno: Annotated[str, typer.Argument(metavar="DYNO", help="Such as web.1.")],
    words: Words = None,
    app: AppOption = "",
    env: Env = None,
    no_tty: NoTty = False,
    term: Term = "",
) -> None:
    """Run a command, else a shell, inside a running dyno."""
    client, app = connect(context), app_of(app)
    has_terminal = _has_terminal(no_tty)
    wish = _wish(words or [SHELL], env, "") | {"force_no_tty": not has_terminal}
    if has_terminal and term:
        wish["env"] = {"TERM": term, **wish["env"]}
    _converse(client, client.post(path("apps", app, "dynos", dyno), wish), has_terminal)


def _converse(client: Client, dyno: dict[str, Any], has_terminal: bool) -> None:
    if sys.stderr.isatty():
        say(f"Running on {dyno['app']['name']}: {dyno['name']}, v{dyno['release']['version']}")
    status = attach.converse(client, dyno["attach_url"], dyno["name"], has_terminal)
    raise typer.Exit(status)


def _wish(words: list[str] | None, env: list[str] | None, size: str) -> dict[str, Any]:
    command = words[0] if words and len(words) == 1 else shlex.join(words or [])
    if not command.strip():
        raise errors.no_command()
    return {"command": command, "env": _assigned(env or [])} | ({"size": size} if size else {})


def _assigned(texts: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in texts:
        name, sign, value = text.partition("=")
        if not sign:
            raise errors.not_an_assignment(text)
        found[ConfigName(name)] = value
    return found


def _has_terminal(no_tty: bool) -> bool:
    return not no_tty and sys.stdin.isatty() and sys.stdout.isatty()
