r"""Plays transcripts: text files of commands and the output that they must have.

    # A line that starts with a hash, at the top or after an empty line, is for the reader.
    $ empire apps:create hello
    Created hello.
    http://hello.localhost.../ | ssh://git@...
    $ cat > app.py <<END
    > print("hello")
    > END
    $ empire apps:info absent
     !     There is no app 'absent' that you can see.
    ...
    [exit 1]

Commands run in bash, in one folder (`cd` moves it), with standard output and error together.
`...` within a line stands for any text, alone on a line for any number of lines. `${NAME}` in the
expected output is the variable of the environment. Without `[exit N]` the command must succeed.
"""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

SOURCE = Path(__file__).parents[2]
COMMAND_SECONDS = 90


@dataclass(frozen=True)
class Command:
    """One command of a transcript, and what it must print."""

    line: int
    text: str
    expected: tuple[str, ...]
    exit_code: int


@dataclass
class Stage:
    """Where a transcript plays: a home of its own, a folder, an environment, real programs."""

    home: Path
    folder: Path
    env: dict[str, str] = field(default_factory=dict)

    @classmethod
    def make(cls, root: Path, **env: str) -> "Stage":
        """Return a stage under the folder, with `empire` from this source on its path."""
        home, folder, programs = root / "home", root / "work", root / "bin"
        for new in (home, folder, programs):
            new.mkdir(parents=True)
        empire = programs / "empire"
        empire.write_text(f'#!/bin/sh\nexec {sys.executable} -m cli.main "$@"\n')
        empire.chmod(0o755)
        return cls(home, folder, {**_environment(home, programs), **env})

    def run(self, command: str) -> tuple[list[str], int]:
        """Run the command; return its output's lines, without space at their ends, and exit code."""
        if command.startswith("cd "):
            self.folder = (self.folder / command[3:].strip()).resolve(strict=True)
            return [], 0
        done = subprocess.run(
            [shutil.which("bash") or "/bin/bash", "-c", command],
            cwd=self.folder,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=COMMAND_SECONDS,
            check=False,
        )
        text = done.stdout.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")
        return [line.rstrip() for line in text.splitlines()], done.returncode


def play(file: Path, stage: Stage) -> None:
    """Run the file's commands; raises AssertionError at the first that does something else."""
    for command in parse(file.read_text()):
        output, code = stage.run(command.text)
        expected = [_filled(line, stage.env) for line in command.expected]
        if code != command.exit_code or not matches(expected, output):
            raise AssertionError(_difference(file, command, expected, output, code))


def parse(text: str) -> list[Command]:
    """Return the commands of a transcript."""
    commands: list[Command] = []
    lines = text.splitlines()
    starts = [number for number, line in enumerate(lines) if line.startswith("$ ")]
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        body = start + 1
        while body < end and lines[body].startswith("> "):
            body += 1
        text = "\n".join(line[2:] for line in lines[start:body])
        expected, exit_code = _expected(lines[body:end])
        commands.append(Command(start + 1, text, expected, exit_code))
    return commands


def matches(expected: list[str], output: list[str]) -> bool:
    """Tell whether the output is what is expected, with its wildcards."""
    parts = [
        r"(?:[^\n]*\n)*?" if line.strip() == "..." else _pattern(line) + "\n" for line in expected
    ]
    return re.fullmatch("".join(parts), "".join(f"{line}\n" for line in output)) is not None


def _environment(home: Path, programs: Path) -> dict[str, str]:
    path = ":".join([str(programs), os.environ["PATH"]])
    kept = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")}
    return {
        **kept,
        "PATH": path,
        "HOME": str(home),
        "GIT_CONFIG_GLOBAL": str(home / ".gitconfig"),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(SOURCE),
        "PYTHONWARNINGS": "error",
    }


def _expected(lines: list[str]) -> tuple[tuple[str, ...], int]:
    exit_code = 0
    kept: list[str] = []
    for number, line in enumerate(lines):
        if line.startswith("#") and (number == 0 or not lines[number - 1]):
            continue
        if found := re.fullmatch(r"\[exit (\d+)\]", line):
            exit_code = int(found[1])
        else:
            kept.append(line.rstrip())
    while kept and not kept[-1]:
        kept.pop()
    return tuple(kept), exit_code


def _filled(line: str, env: dict[str, str]) -> str:
    return re.sub(r"\$\{(\w+)\}", lambda found: env[found[1]], line)


def _pattern(line: str) -> str:
    return "[^\n]*".join(re.escape(part) for part in line.split("..."))


def _difference(
    file: Path, command: Command, expected: list[str], output: list[str], code: int
) -> str:
    return "\n".join(
        [
            f"{file.name}:{command.line}: $ {command.text}",
            "expected:",
            *(f"    {line}" for line in expected),
            f"    [exit {command.exit_code}]",
            "came:",
            *(f"    {line}" for line in output),
            f"    [exit {code}]",
        ]
    )
