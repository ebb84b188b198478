"""empire apps: list, make, show, rename, destroy."""

import sys
from typing import Annotated

import typer

from cli import errors, git
from cli.client import connect, path
from cli.git import AppOption, app_of
from cli.output import Json, age, as_json, data, pairs, say, table, working

AppArgument = Annotated[str, typer.Argument(metavar="NAME", help="The app's name.")]


def index(context: typer.Context, json: Json = False) -> None:
    """List your apps."""
    apps = connect(context).list("/apps")
    if json:
        as_json(apps)
    elif not apps:
        say("You have no apps yet. Make one: empire apps:create NAME")
    else:
        rows = [(app["name"], app["owner"]["email"], app["web_url"]) for app in apps]
        table(("NAME", "OWNER", "ADDRESS"), rows)


def create(
    context: typer.Context,
    name: AppArgument = "",
    no_remote: Annotated[
        bool, typer.Option("--no-remote", help="Leave this repository's remotes as they are.")
    ] = False,
    internal: Annotated[
        bool, typer.Option("--internal", help="Answer to other apps only, not to the world.")
    ] = False,
    json: Json = False,
) -> None:
    """Make an app, and the git remote to push to it."""
    wish: dict[str, str | bool] = {"name": name} if name else {}
    app = connect(context).post("/apps", wish | ({"internal_routing": True} if internal else {}))
    say(f"Created {app['name']}.")
    if json:
        as_json(app)
    else:
        data(f"{app['web_url']} | {app['git_url']}")
    if not no_remote and git.in_repository():
        git.put_remote(git.REMOTE, app["git_url"])


def info(
    context: typer.Context, name: AppArgument = "", app: AppOption = "", json: Json = False
) -> None:
    """Show an app."""
    found = connect(context).get(path("apps", name or app_of(app)))
    if json:
        as_json(found)
        return
    released = found["released_at"]
    pairs(
        {
            "Name": found["name"],
            "Address": found["web_url"],
            "Git": found["git_url"],
            "Owner": found["owner"]["email"],
            "Created": found["created_at"],
            "Released": f"{released} ({age(released)})" if released else "not yet",
            "Maintenance": "on" if found["maintenance"] else "off",
            **({"Internal": "yes, other apps only"} if found["internal_routing"] else {}),
        }
    )


def rename(
    context: typer.Context,
    new: Annotated[str, typer.Argument(metavar="NEW", help="The new name.")],
    app: AppOption = "",
) -> None:
    """Give an app another name."""
    old = app_of(app)
    changed = connect(context).patch(path("apps", old), {"name": new})
    say(f"Renamed {old} to {changed['name']}.")
    data(f"{changed['web_url']} | {changed['git_url']}")
    if git.in_repository():
        git.rename_remotes(old, changed["git_url"])


def destroy(
    context: typer.Context,
    name: AppArgument = "",
    app: AppOption = "",
    confirm: Annotated[str, typer.Option(help="The app's name once more.")] = "",
) -> None:
    """Destroy an app with all that belongs to it."""
    wanted = name or app or confirm or app_of("")
    client = connect(context)
    found = client.get(path("apps", wanted))["name"]
    if not confirm and sys.stdin.isatty():
        say(f"This destroys {found} with its releases, config and repository.")
        confirm = typer.prompt("Type its name to confirm", err=True)
    if confirm != found:
        raise errors.no_confirmation(found)
    with working(f"Destroying {found}"):
        client.delete(path("apps", found))
    say(f"Destroyed {found}.")
