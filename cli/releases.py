"""empire releases: list and show."""

from typing import Annotated, Any

import typer

from cli.client import connect, path
from cli.git import AppOption, app_of
from cli.output import Json, age, as_json, data, pairs, table

Count = Annotated[int, typer.Option("-n", "--num", min=1, max=1000, help="How many.")]


def index(context: typer.Context, app: AppOption = "", num: Count = 15, json: Json = False) -> None:
    """List an app's releases."""
    place = path("apps", app_of(app), "releases")
    releases = connect(context).list(place, f"version ..; max={num}, order=desc")
    if json:
        as_json(releases)
        return
    table(
        ("RELEASE", "STATUS", "DESCRIPTION", "BY", "WHEN"),
        [
            (
                f"v{release['version']}",
                _status(release),
                release["description"],
                release["user"]["email"],
                age(release["created_at"]),
            )
            for release in releases
        ],
    )


def info(
    context: typer.Context,
    version: Annotated[str, typer.Argument(metavar="vN", help="Else the current one.")] = "",
    app: AppOption = "",
    json: Json = False,
) -> None:
    """Show a release."""
    client, place = connect(context), path("apps", app_of(app), "releases")
    if version:
        release = client.get(place + path(version))
    else:
        release = next(one for one in client.list(place) if one["current"])
    if json:
        as_json(release)
        return
    data(f"=== v{release['version']}")
    pairs(
        {
            "Status": _status(release),
            "Change": release["description"],
            "By": release["user"]["email"],
            "When": f"{release['created_at']} ({age(release['created_at'])})",
        }
    )


def _status(release: dict[str, Any]) -> str:
    return "current" if release["current"] else str(release["status"])
