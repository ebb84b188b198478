"""empire config:edit and config:import: config vars as one text."""

import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from cli import dotenv, errors
from cli.client import connect
from cli.config import STDIN, Message, change, standard_input, vars_of
from cli.git import AppOption, app_of
from cli.output import say
from empire.errors import InvalidInput

HEAD = "# The config vars of {app}. A line that you take away removes its var.\n"


def edit(
    context: typer.Context,
    app: AppOption = "",
    message: Message = "",
    editor: Annotated[
        str, typer.Option(envvar=["VISUAL", "EDITOR"], help="The program to edit with.")
    ] = "vi",
) -> None:
    """Edit the config vars in your editor and follow the change to live."""
    client, app = connect(context), app_of(app)
    config = vars_of(client, app)
    edited = _edited(HEAD.format(app=app) + dotenv.written(config), editor)
    # What somebody else changed meanwhile stays: only what was edited is sent.
    changes: dict[str, str | None] = dict.fromkeys(name for name in config if name not in edited)
    changes |= {name: value for name, value in edited.items() if config.get(name) != value}
    if changes:
        change(client, app, changes, message)
    else:
        say(f"Nothing was changed on {app}.")


def import_(
    context: typer.Context,
    file: Annotated[str, typer.Argument(metavar="FILE", help="A dotenv file; - is the input.")],
    app: AppOption = "",
    message: Message = "",
) -> None:
    """Set the config vars of a dotenv file and follow the change to live."""
    place = "The standard input" if file == STDIN else file
    text = standard_input() if file == STDIN else _text_of(Path(file))
    imported = dotenv.parse(text, place)
    if not imported:
        raise errors.no_vars(place)
    change(connect(context), app_of(app), {**imported}, message)


def _edited(text: str, editor: str) -> dict[str, str]:
    with tempfile.TemporaryDirectory(prefix="empire-") as folder:  # mode 0700
        file = Path(folder) / "config.env"
        file.write_text(text, encoding="utf-8", newline="")
        while True:
            _let_edit(editor, file)
            try:
                return dotenv.parse(_text_of(file), "The edited text")
            except InvalidInput as error:
                if not sys.stdin.isatty():
                    raise
                say(str(error))
                typer.confirm("Edit it again?", default=True, abort=True, err=True)


def _let_edit(editor: str, file: Path) -> None:
    try:
        done = subprocess.run([*shlex.split(editor), str(file)], check=False)
    except (OSError, ValueError) as error:
        raise errors.no_editor(editor, str(error)) from None
    if done.returncode:
        raise errors.no_editor(editor, f"It exited with code {done.returncode}.")


def _text_of(file: Path) -> str:
    try:
        return file.read_bytes().decode()
    except OSError as error:
        raise errors.unreadable(file, error) from None
    except UnicodeDecodeError:
        raise errors.no_text(str(file)) from None
