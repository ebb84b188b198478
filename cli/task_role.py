"""empire apps:role."""

from typing import Annotated

import typer

from cli.client import connect, path
from cli.git import AppOption, app_of
from cli.output import Json, as_json, data, say


def role(
    context: typer.Context,
    arn: Annotated[str, typer.Argument(metavar="ARN", help="The role's ARN.")] = "",
    app: AppOption = "",
    unset: Annotated[bool, typer.Option("--unset", help="Take the app's own role away.")] = False,
    json: Json = False,
) -> None:
    """Show or set the AWS role that an app's code has.

    It has it from its next release or restart on.
    """
    client, name = connect(context), app_of(app)
    place = path("apps", name, "task-role")
    if arn and unset:
        raise typer.BadParameter("Give an ARN or --unset, not both.")
    if arn or unset:
        found = client.patch(place, {"role": arn or None})["role"]
        say(
            f"The code of {name} has {'its own role' if found else 'the role that all apps have'} "
            f"from its next start on: empire ps:restart --app {name}"
        )
    else:
        found = client.get(place)["role"]
    if json:
        as_json({"role": found})
    elif found:
        data(found)
    elif not unset:
        say(f"{name} has no role of its own.")
