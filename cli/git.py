"""empire git:remote, and what other commands ask git."""

import re
import subprocess
from typing import Annotated
from urllib.parse import urlsplit

import typer

from cli import errors
from cli.client import connect, path
from cli.output import data, say

REMOTE = "empire"
_URL = re.compile(r"(?:ssh://[^/]+/|[^/:]+:)/?(?P<app>[a-z][a-z0-9-]*?)(?:\.git)?/?")

AppOption = Annotated[
    str,
    typer.Option(
        "-a", "--app", envvar="EMPIRE_APP", help="The app; else that of the git remote empire."
    ),
]


def remote(
    context: typer.Context,
    app: AppOption = "",
    name: Annotated[str, typer.Option("--remote", "-r", help="The remote's name.")] = REMOTE,
) -> None:
    """Add the git remote of an app to this repository."""
    if not in_repository():
        raise errors.no_repository()
    found = connect(context).get(path("apps", app or app_of_folder()))
    put_remote(name, found["git_url"])
    data(found["git_url"])


def app_of(given: str) -> str:
    """Return the app that was given, or that of this folder's remote; raises InvalidInput."""
    return given or app_of_folder()


def app_of_folder() -> str:
    """Return the app of the git remote empire; raises InvalidInput where there is none."""
    found = _URL.fullmatch(_git("remote", "get-url", REMOTE))
    if not found:
        raise errors.which_app()
    return found["app"]


def in_repository() -> bool:
    """Tell whether this folder is in a git repository."""
    return bool(_git("rev-parse", "--git-dir"))


def put_remote(name: str, url: str) -> None:
    """Add the remote, or set its address, and say so."""
    known = _git("remote", "get-url", name)
    if known == url:
        return
    _git("remote", "set-url" if known else "add", name, url)
    was = f" (it was {known})" if known else ""
    say(f"Set the git remote {name} to {url}{was}.")


def rename_remotes(old: str, new_url: str) -> None:
    """Let the remotes of this repository that push to the app push to its new address."""
    for name in _git("remote").split():
        known = _git("remote", "get-url", name)
        found = _URL.fullmatch(known)
        is_ours = name == REMOTE or urlsplit(known).netloc == urlsplit(new_url).netloc
        if found and found["app"] == old and is_ours:
            put_remote(name, new_url)


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", *arguments], capture_output=True, text=True, check=False, timeout=10
        )
    except FileNotFoundError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
