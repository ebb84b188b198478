"""empire keys: list, add, remove."""

from pathlib import Path
from typing import Annotated

import typer

from cli import errors
from cli.client import connect, path
from cli.output import Json, as_json, say, table

_USUAL = ("id_ed25519.pub", "id_ecdsa.pub", "id_rsa.pub")


def index(context: typer.Context, json: Json = False) -> None:
    """List your SSH keys."""
    keys = connect(context).list("/account/keys")
    if json:
        as_json(keys)
    elif not keys:
        say("You have no keys yet. Add yours: empire keys:add")
    else:
        rows = [(key["fingerprint"], key["public_key"].split()[0], key["comment"]) for key in keys]
        table(("FINGERPRINT", "KIND", "COMMENT"), rows)


def add(
    context: typer.Context,
    file: Annotated[Path | None, typer.Argument(help="A .pub file; else yours of ~/.ssh.")] = None,
) -> None:
    """Add an SSH key, by which git push knows you."""
    file = file or _own_file()
    try:
        text = file.read_text(errors="replace")
    except OSError as error:
        raise errors.unreadable(file, error) from None
    key = connect(context).post("/account/keys", {"public_key": text})
    say(f"Added {file}: {key['fingerprint']}")


def remove(
    context: typer.Context,
    key: Annotated[str, typer.Argument(help="The fingerprint, id or comment.")],
) -> None:
    """Remove an SSH key."""
    gone = connect(context).delete(path("account", "keys", key))
    say(f"Removed {gone['fingerprint']}.")


def _own_file() -> Path:
    files = sorted((Path.home() / ".ssh").glob("*.pub"))
    usual = [file for name in _USUAL for file in files if file.name == name]
    if usual or len(files) == 1:
        return (usual or files)[0]
    raise errors.many_key_files(files) if files else errors.no_key_file()
