"""empire deploys: list, follow, cancel; empire deploy: an image that is there already."""

from typing import Annotated, Any

import typer

from cli import errors
from cli.client import Client, connect, path
from cli.git import AppOption, app_of
from cli.output import Json, age, as_json, follow, say, table
from cli.releases import Count
from empire.events import Failed, Live, masked


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


def image(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="IMAGE", help="Its name, as for docker pull.")],
    app: AppOption = "",
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Do not wait for it.")] = False,
) -> None:
    """Deploy an image that was built elsewhere.

    It comes from a registry or from the server's engine; its CMD is the web process.
    """
    client, app = connect(context), app_of(app)
    number = client.post(path("apps", app, "deployments"), {"image": name})["number"]
    if detach:
        say(f"Deployment {number} goes on by itself: empire deploys:output {number}")
        return
    follow(client.follow(app, number))


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


def cancel(
    context: typer.Context,
    number: Annotated[str, typer.Argument(metavar="NUMBER", help="Else the only one.")] = "",
    app: AppOption = "",
) -> None:
    """Stop a deployment that waits or moves.

    What runs stays as it is.
    """
    client, app = connect(context), app_of(app)
    number = number or _only(client, app)
    client.post(path("apps", app, "deployments", number, "actions", "cancel"), {})
    say(f"Cancelling deployment {number} of {app}")
    last = None
    for event in client.follow(app, number):
        last = event
    say(masked(str(last)))
    if isinstance(last, Live) or (isinstance(last, Failed) and last.code != "cancelled"):
        raise typer.Exit(1)


def _only(client: Client, app: str) -> str:
    """Return the number of the only deployment under way; raises InvalidInput, NotFound."""
    place = path("apps", app, "deployments")
    moving = [one for one in client.list(place, "number ..; max=50, order=desc") if one["is_open"]]
    if not moving:
        raise errors.nothing_to_cancel(app)
    if len(moving) > 1:
        lines = [f"{one['number']}  {one['kind']}  {_change(one)}" for one in reversed(moving)]
        raise errors.many_to_cancel(app, lines)
    return str(moving[0]["number"])


def _change(deployment: dict[str, Any]) -> str:
    words = (deployment["commit"][:8], deployment["description"])
    return " ".join(word for word in words if word)[:60]
