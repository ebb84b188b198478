"""empire config: show, get, set, unset."""

import shlex
import sys
from typing import Annotated

import typer

from cli import dotenv, errors
from cli.client import Client, connect, path
from cli.git import AppOption, app_of
from cli.output import Json, as_json, data, follow, pairs, say
from empire.names import ConfigName

Message = Annotated[str, typer.Option("-m", "--message", help="Describe the release.")]
STDIN = "-"


def index(
    context: typer.Context,
    app: AppOption = "",
    release: Annotated[str, typer.Option(help="As a release has them, such as v12.")] = "",
    shell: Annotated[bool, typer.Option("--shell", "-s", help="Print for a shell.")] = False,
    env: Annotated[bool, typer.Option("--env", help="Print for config:import.")] = False,
    json: Json = False,
) -> None:
    """Show an app's config vars."""
    config = vars_of(connect(context), app_of(app), release)
    if json:
        as_json(config)
    elif shell:
        for name, value in config.items():
            data(f"{name}={shlex.quote(value)}")
    elif env:
        data(dotenv.written(config).removesuffix("\n"))
    else:
        pairs(config)


def get(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME")],
    app: AppOption = "",
) -> None:
    """Print one config var."""
    app = app_of(app)
    config = vars_of(connect(context), app)
    if name not in config:
        raise errors.no_var(name, app)
    data(config[name])


def set_(
    context: typer.Context,
    assignments: Annotated[
        list[str], typer.Argument(metavar="NAME=VALUE", help="Or NAME -, to read the value.")
    ],
    app: AppOption = "",
    message: Message = "",
) -> None:
    """Set config vars and follow the change to live."""
    change(connect(context), app_of(app), _assigned(assignments), message)


def unset(
    context: typer.Context,
    names: Annotated[list[str], typer.Argument(metavar="NAME")],
    app: AppOption = "",
    message: Message = "",
) -> None:
    """Remove config vars and follow the change to live."""
    change(connect(context), app_of(app), dict.fromkeys(names), message)


def vars_of(client: Client, app: str, release: str = "") -> dict[str, str]:
    """Return the app's config vars, or those that a release has."""
    place = path("releases", release) if release else ""
    config: dict[str, str] = client.get(f"{path('apps', app)}{place}/config-vars")
    return config


def change(client: Client, app: str, changes: dict[str, str | None], message: str = "") -> None:
    """Set vars, remove those that are None, and follow the change to live."""
    for name, value in changes.items():
        if value is not None and not _is_text(value):
            raise errors.no_text(name)
    config = vars_of(client, app)
    changes = {name: value for name, value in changes.items() if config.get(name) != value}
    if not changes:
        say(f"Nothing changes: the config of {app} is so already.")
        return
    kept = [name for name, value in changes.items() if value is not None]
    gone = [name for name, value in changes.items() if value is None]
    parts = [f"Setting {', '.join(kept)}"] * bool(kept) + [f"Removing {', '.join(gone)}"] * bool(
        gone
    )
    say(f"{' and '.join(parts)} on {app}")
    query = {"message": message} if message else {}
    _, deployment = client.submit("PATCH", path("apps", app, "config-vars"), changes, query)
    if deployment:
        follow(client.follow(app, deployment))
    else:
        say("Done. Nothing runs that would have to be restarted.")


def standard_input() -> str:
    """Return the text of the standard input."""
    try:
        return sys.stdin.buffer.read().decode()
    except UnicodeDecodeError:
        raise errors.no_text("the standard input") from None


def _assigned(assignments: list[str]) -> dict[str, str | None]:
    if len(assignments) == 2 and assignments[1] == STDIN and "=" not in assignments[0]:
        return {ConfigName(assignments[0]): standard_input().removesuffix("\n")}
    changes: dict[str, str | None] = {}
    for text in assignments:
        name, sign, value = text.partition("=")
        if not sign:
            raise errors.not_an_assignment(text)
        changes[ConfigName(name)] = value
    return changes


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
