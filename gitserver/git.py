"""Runs git with nothing of the machine's or the person's own configuration."""

import os
import subprocess
from pathlib import Path

SETTINGS = (
    "core.fsync=all",
    "gc.auto=0",
    "core.hooksPath=/dev/null",
    "safe.directory=*",
    "protocol.version=2",
)
TIMEOUT_SECONDS = 600.0


def environment(protocol: str = "") -> dict[str, str]:
    """Return the whole environment of a git process."""
    return {
        "PATH": os.defpath + ":/usr/local/bin",
        "HOME": "/nonexistent",
        "LC_ALL": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_TERMINAL_PROMPT": "0",
        **({"GIT_PROTOCOL": protocol} if protocol else {}),
    }


def command(git_dir: Path, *arguments: str) -> list[str]:
    """Return the argument list of a git command on the repository."""
    settings = [part for setting in SETTINGS for part in ("-c", setting)]
    return ["git", f"--git-dir={git_dir}", *settings, *arguments]


def run(git_dir: Path, *arguments: str, stdin: bytes = b"", check: bool = True) -> bytes:
    """Run git and return its output; raises CalledProcessError with git's words in stderr."""
    done = subprocess.run(
        command(git_dir, *arguments),
        input=stdin,
        capture_output=True,
        env=environment(),
        timeout=TIMEOUT_SECONDS,
        check=check,
    )
    return done.stdout
