"""empire apps:placement."""

from typing import Annotated

import typer

from cli.client import connect, path
from cli.git import AppOption, app_of
from cli.output import Json, as_json, data, say

DEFAULT = "default"
OWN = typer.Option(metavar="NAME", help="`default` is what the server's settings say.")


def placement(
    context: typer.Context,
    capacity: Annotated[str, OWN] = "",
    architecture: Annotated[str, OWN] = "",
    app: AppOption = "",
    json: Json = False,
) -> None:
    """Show or set on what an app's tasks run on AWS.

    Capacity is FARGATE, FARGATE_SPOT or EC2; architecture X86_64 or ARM64. It holds from the app's
    next release or restart on.
    """
    client, name = connect(context), app_of(app)
    place = path("apps", name, "placement")
    asked = {"capacity": capacity.upper(), "architecture": architecture.upper()}
    given = {
        what: wish.replace(DEFAULT.upper(), "") or None for what, wish in asked.items() if wish
    }
    found = client.patch(place, given) if given else client.get(place)
    if given:
        say(f"{name} is placed so from its next start on: empire ps:restart --app {name}")
    if json:
        as_json(found)
        return
    for what, own in found.items():
        data(f"{what}: {own or DEFAULT}")
