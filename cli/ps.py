"""empire ps: what runs; scale, resize, restart, stop."""

import re
from typing import Annotated, Any

import typer

from cli import errors
from cli.client import Client, connect, path
from cli.git import AppOption, app_of
from cli.output import Json, age, as_json, data, follow, say, table
from empire.events import masked

_SCALE = re.compile(
    r"(?P<type>[A-Za-z0-9][\w-]*?)(?:=(?P<quantity>[+-]?\d+)|(?P<step>[+-]\d+))(?::(?P<size>\S+))?"
)
_RESIZE = re.compile(r"(?:(?P<type>[A-Za-z0-9][\w-]*)=)?(?P<size>\S+)")

What = Annotated[str, typer.Argument(metavar="[TYPE | DYNO]", help="Such as web or web.1.")]


def index(context: typer.Context, app: AppOption = "", json: Json = False) -> None:
    """List an app's dynos."""
    app = app_of(app)
    dynos = connect(context).list(f"{path('apps', app, 'dynos')}?extended=true")
    if json:
        as_json(dynos)
        return
    if not dynos:
        say(f"Nothing runs. Deploy {app}: git push empire main")
        return
    titles: tuple[str, ...] = ("DYNO", "STATE", "RELEASE", "SIZE", "SINCE", "RESTARTS", "COMMAND")
    rows = [_row(dyno) for dyno in dynos]
    if not any(row[5] for row in rows):
        titles, rows = _without(titles, 5), [_without(row, 5) for row in rows]
    table(titles, rows)
    for dyno in dynos:
        if lines := dyno["extended"]["last_lines"]:
            data(f"\n{dyno['name']} wrote at last:")
            for line in lines:
                data(f"  {masked(line)}")


def scale(
    context: typer.Context,
    wishes: Annotated[
        list[str] | None, typer.Argument(metavar="TYPE=QUANTITY[:SIZE]", show_default=False)
    ] = None,
    app: AppOption = "",
    json: Json = False,
) -> None:
    """Set how many dynos run.

    Such as web=3, worker=+1 or web=2:2X. Without a word it shows how many are wished.
    """
    client, app = connect(context), app_of(app)
    updates = [_scaled(wish) for wish in wishes or ()]
    if updates:
        _change(client, app, updates)
    else:
        _show(client, app, is_json=json)


def resize(
    context: typer.Context,
    wishes: Annotated[
        list[str] | None, typer.Argument(metavar="[TYPE=]SIZE", show_default=False)
    ] = None,
    app: AppOption = "",
    json: Json = False,
) -> None:
    """Set how large dynos are.

    Such as web=2X, or 2X for all. Without a word it shows how large they are.
    """
    client, app = connect(context), app_of(app)
    if not wishes:
        _show(client, app, is_json=json)
        return
    types = [one["type"] for one in client.list(path("apps", app, "formation"))]
    _change(client, app, [update for wish in wishes for update in _resized(wish, types)])


def restart(context: typer.Context, what: What = "", app: AppOption = "") -> None:
    """Restart dynos; no request is lost."""
    client, app = connect(context), app_of(app)
    place = path("apps", app, *_place(what))
    say(f"Restarting {what or 'all dynos'} of {app}")
    _, deployment = client.submit("DELETE", place)
    if deployment:
        follow(client.follow(app, deployment))
    else:
        say("Nothing of it runs.")


def stop(
    context: typer.Context,
    what: Annotated[str, typer.Argument(metavar="[TYPE | DYNO]", help="Such as run.1234.")],
    app: AppOption = "",
) -> None:
    """Stop a dyno.

    Of the formation another one takes its place: ps:scale takes it away for good.
    """
    client, app = connect(context), app_of(app)
    _, deployment = client.submit("POST", path("apps", app, *_place(what), "actions", "stop"))
    say(f"Stopping {what} of {app}.")
    if deployment:
        say(f"Another one takes its place: empire deploys:output {deployment} -a {app}")


def _change(client: Client, app: str, updates: list[dict[str, str]]) -> None:
    place = path("apps", app, "formation")
    changed, deployment = client.submit("PATCH", place, {"updates": updates})
    wished = ", ".join(f"{one['type']}={one['quantity']}:{one['size']}" for one in changed)
    if not deployment:
        say(f"Nothing changes: {app} has {wished} already.")
        return
    say(f"Scaling {app} to {wished}")
    follow(client.follow(app, deployment))


def _show(client: Client, app: str, *, is_json: bool) -> None:
    formation = client.list(path("apps", app, "formation"))
    if is_json:
        as_json(formation)
        return
    rows = [(one["type"], str(one["quantity"]), one["size"], one["command"]) for one in formation]
    table(("TYPE", "QUANTITY", "SIZE", "COMMAND"), rows)


def _scaled(text: str) -> dict[str, str]:
    found = _SCALE.fullmatch(text)
    if not found:
        raise errors.no_scale(text)
    update = {"type": found["type"], "quantity": found["quantity"] or found["step"]}
    return update | ({"size": found["size"]} if found["size"] else {})


def _resized(text: str, types: list[str]) -> list[dict[str, str]]:
    found = _RESIZE.fullmatch(text)
    if not found:
        raise errors.no_scale(text)
    named = [found["type"]] if found["type"] else types
    return [{"type": type_, "size": found["size"]} for type_ in named]


def _place(what: str) -> tuple[str, ...]:
    if not what:
        return ("dynos",)
    return ("dynos", what) if "." in what else ("formations", what)


def _row(dyno: dict[str, Any]) -> tuple[str, ...]:
    return (
        dyno["name"],
        _state(dyno),
        f"v{dyno['release']['version']}",
        dyno["size"],
        age(dyno["updated_at"]),
        str(dyno["extended"]["restarts"] or ""),
        dyno["command"],
    )


def _state(dyno: dict[str, Any]) -> str:
    if dyno["extended"]["is_out_of_memory"]:
        return f"{dyno['state']} (out of memory)"
    code = dyno["extended"]["exit_code"]
    return f"{dyno['state']} (exit {code})" if code is not None else str(dyno["state"])


def _without(row: tuple[str, ...], column: int) -> tuple[str, ...]:
    return row[:column] + row[column + 1 :]
