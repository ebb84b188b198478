"""empire maintenance: on, off."""

import typer

from cli.client import connect, path
from cli.git import AppOption, app_of
from cli.output import data, say


def index(context: typer.Context, app: AppOption = "") -> None:
    """Tell whether an app is in maintenance."""
    data("on" if connect(context).get(path("apps", app_of(app)))["maintenance"] else "off")


def on(context: typer.Context, app: AppOption = "") -> None:
    """Show a page to every request; no dyno sees any."""
    _turn(context, app_of(app), is_on=True)


def off(context: typer.Context, app: AppOption = "") -> None:
    """Let requests reach the dynos again."""
    _turn(context, app_of(app), is_on=False)


def _turn(context: typer.Context, app: str, *, is_on: bool) -> None:
    connect(context).patch(path("apps", app), {"maintenance": is_on})
    say(f"Maintenance of {app} is {'on' if is_on else 'off'}.")
