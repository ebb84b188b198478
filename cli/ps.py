"""empire ps: what runs."""

import typer

from cli.client import connect, path
from cli.git import AppOption, app_of
from cli.output import Json, age, as_json, say, table


def index(context: typer.Context, app: AppOption = "", json: Json = False) -> None:
    """List an app's dynos."""
    app = app_of(app)
    dynos = connect(context).list(path("apps", app, "dynos"))
    if json:
        as_json(dynos)
    elif not dynos:
        say(f"Nothing runs. Deploy {app}: git push empire main")
    else:
        titles = ("DYNO", "STATE", "RELEASE", "SIZE", "SINCE", "COMMAND")
        table(
            titles,
            [
                (
                    dyno["name"],
                    dyno["state"],
                    f"v{dyno['release']['version']}",
                    dyno["size"],
                    age(dyno["updated_at"]),
                    dyno["command"],
                )
                for dyno in dynos
            ],
        )
