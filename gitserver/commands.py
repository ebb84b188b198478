"""What a client may ask for: one of git's two services on an app, written in one of git's ways."""

import shlex
from dataclasses import dataclass

from empire.errors import InvalidInput
from empire.names import AppName
from gitserver import errors

RECEIVE = "receive-pack"
UPLOAD = "upload-pack"


@dataclass(frozen=True, slots=True)
class GitCommand:
    """A service and the app that it is asked for."""

    service: str
    app: AppName


def parse(line: str) -> GitCommand:
    """Return the command of an SSH exec request; nothing is ever given to a shell.

    Raises Forbidden for anything but git's services, InvalidInput for a wrong address.
    """
    words = _words(line)
    if words[:1] == ["git"]:
        words = [f"git-{word}" for word in words[1:2]] + words[2:]
    service = words[0].removeprefix("git-") if words and words[0].startswith("git-") else ""
    if service not in (RECEIVE, UPLOAD):
        raise errors.no_such_command(line)
    if len(words) != 2:
        raise errors.bad_path(line)
    return GitCommand(service, _app(words[1], line))


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError:
        raise errors.no_such_command(line) from None


def _app(path: str, line: str) -> AppName:
    """Take app, app.git, /app.git, ~/app.git and any of them with a slash at the end."""
    name = path.removeprefix("/").removeprefix("~/").removesuffix("/").removesuffix(".git")
    if not name:
        raise errors.bad_path(line)
    try:
        return AppName(name)
    except InvalidInput as error:
        raise errors.not_an_app_name(error) from None
