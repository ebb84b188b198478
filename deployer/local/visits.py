"""Commands that people run inside a running dyno: the engine's exec, which it never ends itself."""

import secrets
from contextlib import suppress

from docker.errors import APIError, NotFound

from deployer import launcher
from deployer.local import errors, hijack
from deployer.local.engine import Engine, explained, speaking
from deployer.local.hijack import Hijacked, Hooks
from empire.manifest import Dyno
from empire.secrets import Secret

MARK = "EMPIRE_VISIT"
END = f"""\
for signal in HUP KILL; do
    for file in /proc/[0-9]*/environ; do
        if grep -q "{MARK}=$1" "$file" 2>/dev/null; then
            process=${{file#/proc/}}
            kill -$signal "${{process%/environ}}" 2>/dev/null
        fi
    done
    [ $signal = KILL ] || sleep 0.3
done
"""
"""Finds the visit's processes, also those that it started, by the mark in their environment."""
GONE = 137


def enter(
    engine: Engine, dyno: Dyno, command: str, env: dict[str, Secret], has_terminal: bool
) -> Hijacked:
    """Run the command in the dyno and return its streams; raises NotFound, Unavailable."""
    mark = secrets.token_hex(8)
    launch = launcher.launch_in_terminal if has_terminal else launcher.launch
    plain = {name: value.reveal() for name, value in env.items()}
    with speaking(f"enter {dyno.name}"):
        try:
            made = engine.api.exec_create(
                dyno.id,
                launch(command),
                stdin=True,
                tty=has_terminal,
                environment={**plain, MARK: mark},
            )
        except NotFound:
            raise errors.one_off_gone(dyno.name) from None
        except APIError as error:
            raise errors.not_enterable(dyno.name, explained(error)) from None
    visit = str(made["Id"])
    start = {"Detach": False, "Tty": has_terminal}
    duplex = hijack.hijack(engine, f"/exec/{visit}/start", start, has_terminal)
    duplex.hooks = Hooks(
        resize=lambda rows, columns: _resize(engine, visit, rows, columns),
        status=lambda: _status(engine, visit),
        end=lambda: _end(engine, dyno.id, visit, mark),
    )
    return duplex


def end_all(engine: Engine, container: str) -> None:
    """End all visits of the dyno, if there are any."""
    with suppress(NotFound):
        visits = engine.api.inspect_container(container)["ExecIDs"] or ()
        if any(_status(engine, visit) is None for visit in visits):
            _run(engine, container, "")


def _end(engine: Engine, container: str, visit: str, mark: str) -> None:
    with suppress(APIError):
        if _status(engine, visit) is None:
            _run(engine, container, mark)


def _run(engine: Engine, container: str, mark: str) -> None:
    words = [launcher.SHELL, "-c", END, launcher.SHELL, mark]
    made = engine.api.exec_create(container, words)
    engine.api.exec_start(made["Id"])


def _resize(engine: Engine, visit: str, rows: int, columns: int) -> None:
    with suppress(APIError):
        engine.api.exec_resize(visit, height=rows, width=columns)


def _status(engine: Engine, visit: str) -> int | None:
    try:
        found = engine.api.exec_inspect(visit)
    except NotFound:  # its dyno is gone
        return GONE
    return None if found["Running"] or found["ExitCode"] is None else int(found["ExitCode"])
