"""Config vars: what an app's dynos find in their environment, encrypted at rest."""

from sqlmodel import Session

from empire import deployments, line, releases
from empire.actors import Actor, record
from empire.apps import App
from empire.deployments import Deployment, Kind
from empire.errors import InvalidInput
from empire.names import ConfigName
from empire.releases import Release
from empire.secrets import Secret

MAX_BYTES = 32 * 1024  # of all names and values together, as on Heroku
RESERVED = "EMPIRE_"


def of(session: Session, app: App) -> dict[str, Secret]:
    """Return the app's config vars by name, with the changes that are still on their way."""
    newest, moving = releases.newest(session, app.id), deployments.open_of(session, app.id)
    return _expected(session, newest, moving)


def change(
    session: Session, app: App, changes: dict[str, Secret | None], message: str = "", *, by: Actor
) -> tuple[dict[str, Secret], Deployment | None]:
    """Set vars, or remove those whose value is None; return all, and what carries the change.

    The message, if any, describes the release instead of the names. There is no deployment when
    nothing changes, or when the app has no image yet: then the new config waits in a release of its
    own for the first push. Raises InvalidInput.
    """
    newest, moving = releases.newest(session, app.id), deployments.open_of(session, app.id)
    config = _expected(session, newest, moving)
    changes = {name: value for name, value in changes.items() if config.get(name) != value}
    if not changes:
        return config, None
    merged = _checked(applied(config, changes))
    description = message or described(changes)
    record(session, by, "config:set", app.name, described(changes))
    if newest.image or moving:
        return merged, line.submit_config(session, app, changes, description, by=by)
    releases.of_config(session, app, merged, description, by=by)
    return merged, None


def applied(config: dict[str, Secret], changes: dict[str, Secret | None]) -> dict[str, Secret]:
    """Return the config with the changes made."""
    merged = {**config, **changes}
    return {name: value for name, value in merged.items() if value is not None}


def described(changes: dict[str, Secret | None]) -> str:
    """Return the release description of a change, by names only, in Heroku's words."""
    gone = [name for name, value in changes.items() if value is None]
    kept = [name for name, value in changes.items() if value is not None]
    parts = ["Set " + ", ".join(kept)] if kept else []
    parts += ["Remove " + ", ".join(gone)] if gone else []
    return " and ".join(parts) + " config vars"


def _expected(session: Session, newest: Release, moving: list[Deployment]) -> dict[str, Secret]:
    """Return the config as it is when the deployments that move now are live."""
    config = releases.config_of(session, newest)
    for deployment in moving:
        if deployment.kind == Kind.CONFIG and not deployment.is_cancelled:
            config = applied(config, deployments.change_of(session, deployment))
    return dict(sorted(config.items()))


def _checked(config: dict[str, Secret]) -> dict[str, Secret]:
    size = 0
    for name, value in config.items():
        ConfigName(name)
        if name.startswith(RESERVED) or name == "PORT":
            raise InvalidInput(
                f"{name} is set by the platform.",
                why=f"PORT and all names that begin with {RESERVED} are its own.",
                fix="Choose another name.",
            )
        size += len(name) + _bytes_of(name, value)
    if size > MAX_BYTES:
        raise InvalidInput(
            f"The config vars have {size} bytes.",
            why=f"All together may have {MAX_BYTES} bytes.",
            fix="Keep large values in a file of the app or in a store of their own.",
        )
    return config


def _bytes_of(name: str, value: Secret) -> int:
    try:
        content = value.reveal().encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise _unfit(name, "half a character (a lone surrogate)") from None
    if b"\0" in content:
        raise _unfit(name, "a NUL byte")
    return len(content)


def _unfit(name: str, what: str) -> InvalidInput:
    return InvalidInput(
        f"The value of {name} holds {what}.",
        why="An environment cannot hold it.",
        fix="Encode the value, for instance with base64.",
    )
