"""empire deploys: list and follow."""

from typing import Annotated, Any

import typer

from cli import errors
from cli.client import connect, path
from cli.git import AppOption, app_of
from cli.output import Json, age, as_json, follow, table
from cli.releases import Count


def index(context: typer.Context, app: AppOption = "", num: Count = 15, json: Json = False) -> None:
    """List an app's deployments."""
    place = path("apps", app_of(app), "deployments")
    deployments = connect(context).list(place, f"number ..; max={num}, order=desc")
    if json:
        as_json(deployments)
        return
    table(
        ("NUMBER", "WHAT", "STATE", "RELEASE", "CHANGE", "BY", "WHEN"),
        [
            (
                str(one["number"]),
                one["kind"],
                one["step"],
                f"v{one['version']}" if one["version"] else "",
                _change(one),
                one["user"]["email"],
                age(one["created_at"]),
            )
            for one in deployments
        ],
    )


def output(
    context: typer.Context,
    number: Annotated[str, typer.Argument(metavar="NUMBER", help="Else the newest.")] = "",
    app: AppOption = "",
) -> None:
    """Follow a deployment's output to its end."""
    client, app = connect(context), app_of(app)
    if not number:
        newest = client.list(path("apps", app, "deployments"), "number ..; max=1, order=desc")
        if not newest:
            raise errors.no_deployment(app)
        number = str(newest[0]["number"])
    follow(client.follow(app, number), is_data=True)


def _change(deployment: dict[str, Any]) -> str:
    words = (deployment["commit"][:8], deployment["description"])
    return " ".join(word for word in words if word)[:60]
