"""Config vars: what an app's dynos find in their environment, encrypted at rest."""

from sqlmodel import Session

from empire import deployments, line, releases
from empire.actors import Actor, record
from empire.apps import App
from empire.deployments import Deployment, Kind
from empire.errors import InvalidInput
from empire.names import ConfigName
from empire.secrets import Secret

MAX_BYTES = 32 * 1024  # of all names and values together, as on Heroku
RESERVED = "EMPIRE_"


def of(session: Session, app: App) -> dict[str, Secret]:
    """Return the app's config vars by name, with the changes that are still on their way."""
    config = releases.config_of(session, releases.newest(session, app.id))
    for moving in deployments.open_of(session, app.id):
        if moving.kind == Kind.CONFIG and not moving.is_cancelled:
            config = applied(config, deployments.change_of(session, moving))
    return dict(sorted(config.items()))


def change(
    session: Session, app: App, changes: dict[str, Secret | None], message: str = "", *, by: Actor
) -> Deployment | None:
    """Set vars, or remove those whose value is None; return the deployment that carries it.

    The message, if any, describes the release instead of the names. None comes back when nothing changes, or when the app has no image yet: then the new config
    waits in a release of its own for the first push. Raises InvalidInput.
    """
    config = of(session, app)
    changes = {name: value for name, value in changes.items() if config.get(name) != value}
    if not changes:
        return None
    merged = _checked(applied(config, changes))
    description = message or described(changes)
    record(session, by, "config:set", app.name, described(changes))
    if releases.newest(session, app.id).image or deployments.open_of(session, app.id):
        return line.submit_config(session, app, changes, description, by=by)
    releases.of_config(session, app, merged, description, by=by)
    return None


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
