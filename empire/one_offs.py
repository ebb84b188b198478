"""One-offs: a single command with the image and config of a release, beside what runs."""

import secrets
from collections.abc import Collection
from dataclasses import dataclass, field

from sqlmodel import Session

from empire import formation, releases
from empire.actors import Actor, record
from empire.apps import App
from empire.builds import Build
from empire.deployments import Deployment
from empire.errors import Conflict, InvalidInput
from empire.manifest import OneOff
from empire.names import ConfigName, ImageRef
from empire.releases import Release
from empire.secrets import Secret
from empire.store import store_of

TYPE = "run"
LONGEST_COMMAND = 100_000
"""Characters; the kernel takes no argument of more than 128 KiB."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person asks for. `size` empty means the default, `seconds` 0 the longest allowed."""

    command: str
    env: dict[str, Secret] = field(default_factory=dict)
    size: str = ""
    is_attached: bool = False
    has_terminal: bool = False
    seconds: float = 0


def ordered(session: Session, app: App, wish: Wish, taken: Collection[str], *, by: Actor) -> OneOff:
    """Return the one-off that a person orders, with a name that is not taken; it enters the audit.

    Raises Conflict where no version could run it, InvalidInput for what cannot be right.
    """
    if app.is_leaving:
        raise Conflict(f"{app.name} is being destroyed.")
    release, settings = releases.current(session, app.id), store_of(session).settings
    if release.image is None:
        raise Conflict(
            f"{app.name} has no version that could run it.", fix="Push one: git push empire main"
        )
    check(wish.command, wish.env)
    one_off = OneOff(
        app=app.handle,
        app_name=app.name,
        name=_untaken(taken),
        version=release.version,
        image=ImageRef(release.image),
        command=expanded(wish.command, release.processes, release.release_command),
        size=formation.size_of(wish.size or settings.default_size),
        env={**releases.config_of(session, release), **wish.env},
        is_attached=wish.is_attached,
        has_terminal=wish.has_terminal,
        placement=app.placement,
        seconds=min(wish.seconds or settings.run_seconds, settings.run_seconds),
    )
    record(session, by, "run", app.name, f"{one_off.name} {wish.command}")
    return one_off


def of_release_phase(session: Session, app: App, deployment: Deployment) -> OneOff | None:
    """Return the one-off that the Procfile's `release:` asks for; None where it asks for none.

    With the first version that can run comes what app.json wants to run once, `postdeploy`.
    """
    release = releases.find(session, app.id, str(deployment.version))
    settings = store_of(session).settings
    build = session.get(Build, deployment.id)
    command = command_of_release_phase(session, release, build.postdeploy if build else "")
    if not command or release.image is None:
        return None
    return OneOff(
        app=app.handle,
        app_name=app.name,
        name=name_of_release_phase(deployment),
        version=release.version,
        image=ImageRef(release.image),
        command=command,
        size=formation.size_of(settings.default_size),
        env=releases.config_of(session, release),
        placement=app.placement,
        seconds=settings.release_seconds,
    )


def command_of_release_phase(session: Session, release: Release, postdeploy: str) -> str:
    """Return the release's command, with the first version's `postdeploy` after it."""
    is_first = not releases.has_run(session, release.app_id)
    commands = [release.release_command or "", postdeploy if is_first else ""]
    wanted = [one for one in commands if one]
    return wanted[0] if len(wanted) == 1 else " && ".join(f"( {one} )" for one in wanted)


def name_of_release_phase(deployment: Deployment) -> str:
    """Return the name of the deployment's release phase: the same at every try."""
    return f"release.{deployment.number}"


def expanded(command: str, processes: dict[str, str], release_command: str | None = None) -> str:
    """Return the command with a Procfile entry that it begins with in its place."""
    name, _, arguments = command.strip().partition(" ")
    known = {**processes, **({"release": release_command} if release_command else {})}
    return f"{known[name]} {arguments}".strip() if known.get(name) else command.strip()


def ordered_inside(
    session: Session, app: App, dyno: str, command: str, env: dict[str, Secret], *, by: Actor
) -> str:
    """Return the command that shall run inside a dyno; it enters the audit."""
    check(command, env)
    record(session, by, "ps:exec", app.name, f"{dyno} {command}")
    release = releases.current(session, app.id)
    return expanded(command, release.processes, release.release_command)


def check(command: str, env: dict[str, Secret]) -> None:
    """Raise InvalidInput for a command or environment that no process can have."""
    if not command.strip():
        raise InvalidInput("There is no command.", fix="Name one: empire run bash")
    if "\0" in command or len(command) > LONGEST_COMMAND:
        raise InvalidInput(
            "This command cannot be run.",
            why=f"It holds a NUL character or more than {LONGEST_COMMAND} characters.",
        )
    for name, value in env.items():
        ConfigName(name)
        if "\0" in value.reveal():
            raise InvalidInput(f"The value of {name} holds a NUL character.")


def _untaken(taken: Collection[str]) -> str:
    while (name := f"{TYPE}.{1000 + secrets.randbelow(9000)}") in taken:
        pass
    return name
