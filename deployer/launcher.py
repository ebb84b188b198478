"""How a Procfile's command becomes what a container runs."""

import re

SHELL = "/bin/sh"
SIMPLE = re.compile(r"[\w./+-]+([ \t][^;&|<>(){}`\n]*)?")
"""One program with arguments: no lists, pipes, redirections or groups."""
SHELL_WORDS = frozenset(
    [
        ".",
        ":",
        "alias",
        "bg",
        "break",
        "case",
        "cd",
        "command",
        "continue",
        "do",
        "done",
        "elif",
        "else",
        "esac",
        "eval",
        "exec",
        "exit",
        "export",
        "false",
        "fg",
        "fi",
        "for",
        "getopts",
        "hash",
        "if",
        "jobs",
        "local",
        "read",
        "readonly",
        "return",
        "set",
        "shift",
        "source",
        "then",
        "times",
        "trap",
        "true",
        "type",
        "ulimit",
        "umask",
        "unset",
        "until",
        "wait",
        "while",
    ]
)


SIZE_KNOWN = """\
tries=0
while [ $tries -lt 50 ] && [ "$(stty size 2>/dev/null)" = "0 0" ]; do
    sleep 0.02
    tries=$((tries + 1))
done
unset tries
"""
"""The engine tells a terminal's size only after the start; a program looks at it only once."""


def launch_in_terminal(command: str) -> list[str]:
    """Return the arguments that run a command when its terminal has a size."""
    return [SHELL, "-c", SIZE_KNOWN + (f"exec {command}" if is_simple(command) else command)]


def launch_in_order(command: str) -> list[str]:
    """Return the arguments that run a command whose two outputs shall come in order: as one."""
    shell, flag, line = launch(command) or [SHELL, "-c", ":"]
    return [shell, flag, f"exec 2>&1\n{line}"]


def launch(command: str) -> list[str] | None:
    """Return the arguments that run a command as Heroku does, in a shell; None runs the image's own.

    The process must get SIGTERM itself. A lone program replaces the shell. Of anything longer the
    shell stays as parent: the signal then goes to the whole process group (see `environment`), and
    the trap makes the shell wait for its child instead of dying first.
    """
    if not command.strip():
        return None
    return [
        SHELL,
        "-c",
        f"exec {command}" if is_simple(command) else f"trap 'exit 143' TERM\n{command}",
    ]


def environment(command: str) -> dict[str, str]:
    """Return what the container's init needs to know of the command."""
    if not command.strip() or is_simple(command):
        return {}
    return {"TINI_KILL_PROCESS_GROUP": "1"}


def is_simple(command: str) -> bool:
    """Tell whether the command is one program that may replace the shell."""
    text = command.strip()
    return SIMPLE.fullmatch(text) is not None and text.split()[0] not in SHELL_WORDS
