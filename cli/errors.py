"""What can go wrong between the command and the server, in words."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from empire.errors import Conflict, EmpireError, InvalidInput, NotFound, Unauthorized, Unavailable

if TYPE_CHECKING:
    import httpx

AWS_PARTS = ("boto3", "botocore", "websockets")
"""What the extra `aws` brings."""


def of_answer(answer: "httpx.Response", url: str) -> EmpireError:
    """Return the error that the server answered with, in its own words."""
    try:
        said = str(answer.json()["message"])
    except (ValueError, KeyError, TypeError):
        return Unavailable(
            f"{url} answered {answer.status_code} and not as Empire does.",
            fix="Is this the address of an Empire server? Set EMPIRE_URL to the right one.",
        )
    if answer.status_code == 401:
        return Unauthorized(f"You are not logged in at {url}.", why=said)
    if answer.status_code >= 500:
        return Unavailable(said)
    return EmpireError(said)


def no_answer(url: str, reason: str) -> Unavailable:
    """Return the error for a server that cannot be reached."""
    return Unavailable(
        f"No server answers at {url}.",
        why=reason,
        fix="Is it running? `scripts/up` starts one here; EMPIRE_URL names another place.",
    )


def silent(url: str) -> Unavailable:
    """Return the error for a server that took the request and said nothing."""
    return Unavailable(
        f"{url} did not answer in time.",
        fix="Try again. `empire deploys` shows what is under way.",
    )


def bad_url(url: str) -> InvalidInput:
    """Return the error for an address that is none."""
    return InvalidInput(
        f"{url!r} is not the address of a server.",
        fix="Set EMPIRE_URL to something like http://127.0.0.1:5000",
    )


def lost(deployment: str | int) -> Unavailable:
    """Return the error for a connection that was lost for good while following."""
    return Unavailable(
        "The connection to the server was lost.",
        why="The deployment goes on by itself.",
        fix=f"Follow it again: empire deploys:output {deployment}",
    )


def cut_off(name: str) -> Unavailable:
    """Return the error for a command whose streams broke off before it ended."""
    return Unavailable(
        f"The connection to {name} was lost.",
        why="Its exit status is not known. The server ends what nobody is attached to any more.",
        fix="`empire ps` shows what runs. `empire run -d` runs commands that need nobody.",
    )


def no_command() -> InvalidInput:
    """Return the error for a run of nothing."""
    return InvalidInput("There is no command.", fix="Name one: empire run bash")


def which_app() -> InvalidInput:
    """Return the error for a command that needs an app and was given none."""
    return InvalidInput(
        "Which app?",
        why="This folder's git repository has no remote named empire.",
        fix="Name it with -a NAME, or add the remote: empire git:remote -a NAME",
    )


def no_repository() -> NotFound:
    """Return the error for a command that needs a git repository."""
    return NotFound("This folder is not in a git repository.", fix="Make one: git init")


def no_confirmation(app: str) -> Conflict:
    """Return the error for a destroy that was not confirmed."""
    return Conflict(
        f"This would destroy {app} with its releases, config and repository.",
        fix=f"If you mean it: empire apps:destroy -a {app} --confirm {app}",
    )


def no_key_file() -> NotFound:
    """Return the error for a person who has no public key where ssh keeps them."""
    return NotFound(
        "There is no public key in ~/.ssh.",
        fix="Make one with `ssh-keygen -t ed25519`, then try again.",
    )


def many_key_files(files: Sequence[Path]) -> InvalidInput:
    """Return the error for a person with several keys of whom none was named."""
    return InvalidInput(
        "You have several public keys.",
        why="\n".join(str(file) for file in files),
        fix="Name one: empire keys:add FILE",
    )


def unreadable(file: Path, error: OSError) -> NotFound:
    """Return the error for a file that cannot be read."""
    return NotFound(f"{file} cannot be read.", why=error.strerror or str(error))


def not_an_assignment(text: str) -> InvalidInput:
    """Return the error for a config var without a value."""
    return InvalidInput(
        f"{text.partition('=')[0]!r} has no value.",
        fix="Write NAME=VALUE. NAME= sets it to nothing.",
    )


def no_var(name: str, app: str) -> NotFound:
    """Return the error for a config var that is not set."""
    return NotFound(f"{name} is not set on {app}.", fix="`empire config` lists what is.")


def no_text(what: str) -> InvalidInput:
    """Return the error for a value or file that is not UTF-8 text."""
    return InvalidInput(
        f"{what} is not text in UTF-8.",
        why="Config vars are text.",
        fix="Encode it, for instance with base64.",
    )


def no_vars(place: str) -> InvalidInput:
    """Return the error for a dotenv text without a var."""
    return InvalidInput(f"{place} has no config vars.", fix="A line is NAME=VALUE.")


def no_editor(editor: str, reason: str) -> EmpireError:
    """Return the error for an editor that did not do its work."""
    return EmpireError(
        f"{editor} did not edit the config vars; nothing was changed.",
        why=reason,
        fix="Name another one in the environment's EDITOR.",
    )


def no_output(version: int) -> NotFound:
    """Return the error for a release that no deployment made."""
    return NotFound(
        f"v{version} has no output.", why="It was made without a deployment: nothing had to start."
    )


def nothing_before(app: str) -> NotFound:
    """Return the error for an app that ran no earlier release."""
    return NotFound(
        f"{app} has no earlier release that ran.", fix="`empire releases` lists what there is."
    )


def no_scale(text: str) -> InvalidInput:
    """Return the error for a wish of dynos that cannot be read."""
    return InvalidInput(
        f"{text!r} says of no process type what shall become of it.",
        fix="Write web=3, worker=+1 or web=2:2X to scale, web=2X to resize.",
    )


def nothing_to_cancel(app: str) -> NotFound:
    """Return the error for an app of which nothing moves."""
    return NotFound(f"Nothing of {app} is under way.", fix="`empire deploys` lists what was.")


def many_to_cancel(app: str, lines: Sequence[str]) -> InvalidInput:
    """Return the error for an app of which several deployments are under way."""
    return InvalidInput(
        f"Several deployments of {app} are under way.",
        why="\n".join(lines),
        fix="Name one: empire deploys:cancel NUMBER",
    )


def no_deployment(app: str) -> NotFound:
    """Return the error for an app that was never deployed."""
    return NotFound(f"{app} has no deployments.", fix="Make the first: git push empire main")


def not_installed(missing: str) -> EmpireError:
    """Return the error for a part of the server that is not there."""
    extras = "server,aws" if missing.partition(".")[0] in AWS_PARTS else "server"
    return EmpireError(
        f"The server's parts are not installed here: {missing} is missing.",
        why="The plain installation is the client alone.",
        fix=f'Install the server: pip install "empire[{extras}]"',
    )
