"""empire config: show, get, set, unset."""

import shlex
from typing import Annotated

import typer

from cli import errors
from cli.client import Client, connect, path
from cli.git import AppOption, app_of
from cli.output import Json, as_json, data, follow, pairs, say
from empire.names import ConfigName


def index(
    context: typer.Context,
    app: AppOption = "",
    shell: Annotated[bool, typer.Option("--shell", "-s", help="Print for a shell.")] = False,
    json: Json = False,
) -> None:
    """Show an app's config vars."""
    config = _config(connect(context), app_of(app))
    if json:
        as_json(config)
    elif shell:
        for name, value in config.items():
            data(f"{name}={shlex.quote(value)}")
    else:
        pairs(config)


def get(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME")],
    app: AppOption = "",
) -> None:
    """Print one config var."""
    app = app_of(app)
    config = _config(connect(context), app)
    if name not in config:
        raise errors.no_var(name, app)
    data(config[name])


def set_(
    context: typer.Context,
    assignments: Annotated[list[str], typer.Argument(metavar="NAME=VALUE")],
    app: AppOption = "",
) -> None:
    """Set config vars and follow the change to live."""
    changes: dict[str, str | None] = {}
    for text in assignments:
        name, sign, value = text.partition("=")
        if not sign:
            raise errors.not_an_assignment(text)
        changes[ConfigName(name)] = value
    _change(connect(context), app_of(app), changes, "Setting")


def unset(
    context: typer.Context,
    names: Annotated[list[str], typer.Argument(metavar="NAME")],
    app: AppOption = "",
) -> None:
    """Remove config vars and follow the change to live."""
    _change(connect(context), app_of(app), dict.fromkeys(names), "Removing")


def _config(client: Client, app: str) -> dict[str, str]:
    config: dict[str, str] = client.get(path("apps", app, "config-vars"))
    return config


def _change(client: Client, app: str, changes: dict[str, str | None], verb: str) -> None:
    say(f"{verb} {', '.join(changes)} on {app}")
    _, deployment = client.change(path("apps", app, "config-vars"), dict(changes))
    if deployment:
        follow(client.follow(app, deployment))
    else:
        say("Done. Nothing runs that would have to be restarted.")
