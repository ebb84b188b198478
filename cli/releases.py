"""empire releases: list, show, compare, their output; and empire rollback."""

from typing import Annotated, Any

import typer

from cli import errors
from cli.client import Client, connect, path
from cli.git import AppOption, app_of
from cli.output import Json, age, as_json, data, follow, pairs, say, table
from empire.events import masked

Count = Annotated[int, typer.Option("-n", "--num", min=1, max=1000, help="How many.")]
Version = Annotated[str, typer.Argument(metavar="vN", help="Else the current one.")]


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
    context: typer.Context, version: Version = "", app: AppOption = "", json: Json = False
) -> None:
    """Show a release."""
    release = _found(connect(context), app_of(app), version)
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
            "Rollback": "possible" if release["eligible_for_rollback"] else "not possible",
        }
    )


def output(context: typer.Context, version: Version = "", app: AppOption = "") -> None:
    """Show what was said when a release was made."""
    client = connect(context)
    release = _found(client, app_of(app), version)
    if not release["output_stream_url"]:
        raise errors.no_output(release["version"])
    for line in client.lines(release["output_stream_url"]):
        data(masked(line))


def diff(
    context: typer.Context,
    old: Annotated[str, typer.Argument(metavar="vN")],
    new: Version = "",
    app: AppOption = "",
    json: Json = False,
) -> None:
    """Show what differs between two releases.

    Of config vars the names alone.
    """
    client, app = connect(context), app_of(app)
    new = new or str(_found(client, app, "")["version"])
    changes = client.get(path("apps", app, "releases", old, "diff", new))
    if json:
        as_json(changes)
    elif not changes:
        say("Nothing differs.")
    else:
        titles = ("WHAT", f"v{old.removeprefix('v')}", f"v{new.removeprefix('v')}")
        table(titles, [(one["what"], one["old"] or "-", one["new"] or "-") for one in changes])


def rollback(
    context: typer.Context,
    version: Annotated[str, typer.Argument(metavar="vN", help="Else the previous one.")] = "",
    app: AppOption = "",
    message: Annotated[str, typer.Option("-m", "--message", help="Say why.")] = "",
) -> None:
    """Go back to an earlier release.

    Its image and config come back in a new release; nothing is built, the formation stays.
    """
    client, app = connect(context), app_of(app)
    to = f"v{version.removeprefix('v')}" if version else _previous(client, app)
    say(f"Rolling {app} back to {to}")
    wish = {"release": to, "description": message}
    _, deployment = client.submit("POST", path("apps", app, "releases"), wish)
    assert deployment, "a rollback always is a deployment"
    follow(client.follow(app, deployment))


def _previous(client: Client, app: str) -> str:
    """Return the newest release before the current one that ran; raises NotFound."""
    releases = client.list(path("apps", app, "releases"), "version ..; max=1000, order=desc")
    ran = [one for one in releases if one["status"] == "succeeded" and one["slug"]]
    if len(ran) < 2:
        raise errors.nothing_before(app)
    return f"v{ran[1]['version']}"


def _found(client: Client, app: str, version: str) -> dict[str, Any]:
    place = path("apps", app, "releases")
    if not version:
        return next(one for one in client.list(place) if one["current"])
    release: dict[str, Any] = client.get(place + path(version))
    return release


def _status(release: dict[str, Any]) -> str:
    return "current" if release["current"] else str(release["status"])
