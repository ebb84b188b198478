"""empire disk."""

from typing import Annotated, Any

import typer

from cli.client import connect, path
from cli.output import Json, as_json, pairs, say, table

TITLES = ("APP", "IMAGES", "OWN", "SHARED", "RELEASES", "REPOSITORY", "CACHE", "LOGS")
UNITS = ("kB", "MB", "GB", "TB")


def disk(
    context: typer.Context,
    app: Annotated[str, typer.Option("--app", "-a", help="Only this app.")] = "",
    json: Json = False,
) -> None:
    """Show what takes up the server's disk.

    OWN is what only the app's images have; SHARED is what one of them has in common with others.
    """
    place = path("apps", app, "disk") if app else path("disk")
    found = connect(context).get(place)
    if json:
        as_json(found)
        return
    if found["apps"]:
        table(TITLES, [_row(one) for one in found["apps"]])
    else:
        say("You have no apps yet.")
    say("")
    pairs(_machine(found))


def _row(one: dict[str, Any]) -> list[str]:
    return [
        one["app"],
        str(one["images"]),
        size(one["images_unique_bytes"]),
        size(one["images_shared_bytes"]),
        str(one["releases_kept"]),
        size(one["repository_bytes"]),
        size(one["cache_bytes"]),
        size(one["logs_bytes"]),
    ]


def _machine(found: dict[str, Any]) -> dict[str, str]:
    free, total = found["free_bytes"], found["total_bytes"]
    rows = {}
    if total:
        used = f"{size(total - free)} used, {size(free)} free of {size(total)}"
        rows["Disk"] = f"{used}; builds need {size(found['reserve_bytes'])} free"
    rows["Images"] = f"{size(found['images_bytes'])} of all apps and their bases"
    rows["Build cache"] = (
        f"{size(found['cache_bytes'])} of at most {size(found['cache_max_bytes'])}; "
        f"{size(found['cache_max_bytes_per_app'])} an app"
    )
    return rows


def size(count: int) -> str:
    """Return a number of bytes as one says it."""
    value = float(count)
    for unit in UNITS:
        value /= 1000
        if value < 999.5 or unit == UNITS[-1]:
            break
    return f"{value:.1f} {unit}" if 0 < value < 10 else f"{value:.0f} {unit}"
