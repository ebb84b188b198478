"""Runs classic Heroku buildpacks in the build's container: `heroku_steps.py NAMES`, a JSON list.

Python's standard library only. For each, in order: bin/detect, bin/compile, and its `export` script
for those after it; then bin/release of the last. Its last line says which of them failed, and how.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

BUILDPACKS = Path("/opt/buildpacks")
BUILD, CACHE, ENV, RESULT = (Path("/tmp", name) for name in ("build", "cache", "env", "result"))  # noqa: S108
APT = Path("/etc/apt")
HOME = "/app"
STACK = "heroku-24"
"""The stack whose programs run here: its C library is older than Debian 13's."""
REFUSED = 61
CONFIG_VAR = re.compile(r"\s+[\"']?([A-Za-z_]\w*)[\"']?\s*:\s*(.*?)\s*")


def main() -> int:
    """Run the buildpacks that the argument names, and return the exit code."""
    names = json.loads(sys.argv[1])
    for folder in (CACHE, ENV, RESULT):
        folder.mkdir(parents=True, exist_ok=True)
    _name_apt_sources_as_ubuntu()
    inherited = dict(os.environ)  # noqa: TID251 - the container's, not the server's
    environment = {**inherited, "HOME": HOME, "STACK": STACK, "LANG": "C.UTF-8"}
    released = ""
    for number, name in enumerate(names, start=1):
        place = BUILDPACKS / f"{number:02}"
        said, code = _program(place, "detect", [BUILD], environment, is_kept=True)
        if code:
            say(f"{said}\nbuildpack {number} said no: {name}")
            return REFUSED
        say(f"-----> {said.strip() or name} app detected")
        _, code = _program(place, "compile", [BUILD, CACHE, ENV], environment)
        if code:
            say(f"buildpack {number} failed: bin/compile of {name} ended with exit code {code}")
            return code
        environment = _after(place / "export", environment)
        released, code = _program(place, "release", [BUILD], environment, is_kept=True)
        if code:
            say(f"{released}\nbuildpack {number} failed: bin/release of {name} ended with {code}")
            return code
    _keep(released)
    return 0


def _name_apt_sources_as_ubuntu() -> None:
    """Let buildpacks that install packages find apt's sources where Heroku's images have them."""
    ours, theirs = APT / "sources.list.d" / "debian.sources", APT / "sources.list"
    if ours.exists() and not theirs.exists():
        theirs.touch()
        ours.rename(ours.with_name("ubuntu.sources"))


def _program(
    place: Path,
    name: str,
    arguments: list[Path],
    environment: dict[str, str],
    is_kept: bool = False,
) -> tuple[str, int]:
    """Run a program of the buildpack; return what it wrote, if that is kept, and its exit code."""
    program = place / "bin" / name
    if name == "release" and not program.exists():
        return "", 0
    sys.stdout.flush()
    try:
        done = subprocess.run(
            [program, *arguments],
            cwd=BUILD,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if is_kept else None,
            check=False,
        )
    except OSError as error:
        return f"{program.name} cannot be run: {error.strerror}", 126
    return (done.stdout or b"").decode("utf-8", "replace"), done.returncode


def _after(script: Path, environment: dict[str, str]) -> dict[str, str]:
    """Return the environment after the script, which bash reads as a part of itself."""
    if not script.is_file():
        return environment
    done = subprocess.run(
        ["bash", "-c", '. "$1" >&2; env -0', "bash", script],
        env=environment,
        stdout=subprocess.PIPE,
        check=True,
    )
    pairs = done.stdout.decode("utf-8", "surrogateescape").split("\0")[:-1]
    return dict(pair.split("=", 1) for pair in pairs)


def _keep(released: str) -> None:
    """Leave what the server reads after the build, and the defaults of config vars for the dynos."""
    (RESULT / "release.yml").write_text(released)
    if (BUILD / "Procfile").is_file():
        shutil.copy(BUILD / "Procfile", RESULT / "Procfile")
    if defaults := config_vars(released):
        folder = BUILD / ".profile.d"
        folder.mkdir(exist_ok=True)
        lines = [
            f'[ -n "${{{name}+set}}" ] || export {name}={shlex.quote(value)}\n'
            for name, value in defaults.items()
        ]
        (folder / "000_release.sh").write_text("".join(lines))


def config_vars(released: str) -> dict[str, str]:
    """Return the config vars of what bin/release wrote, which are one line each."""
    found: dict[str, str] = {}
    is_inside = False
    for line in released.splitlines():
        if re.match(r"\S", line):
            is_inside = line.startswith("config_vars:")
        elif is_inside and (pair := CONFIG_VAR.fullmatch(line)):
            value = pair[2]
            is_quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "\"'"
            found[pair[1]] = value[1:-1] if is_quoted else value
    return found


def say(text: str) -> None:
    """Write a line of the build's output."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
