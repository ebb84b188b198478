"""The Procfile: process types and their commands, one `type: command` a line."""

import re

from buildpacks import errors
from empire.errors import InvalidInput
from empire.names import ProcessType

CONFLICT = re.compile(r"(<{7}|={7}|>{7}|\|{7})( |$)")
LINE = re.compile(r"([^\s:]+)\s*:\s*(.*)")


def parse(content: bytes) -> dict[str, str]:
    """Return the commands by process type, in the file's order.

    Raises InvalidInput that names the line for what is not `type: command`, a type named twice, an
    empty command, or bytes that are not UTF-8.
    """
    processes: dict[str, str] = {}
    for number, line in enumerate(_lines(content), start=1):
        if not line or line.startswith("#"):
            continue
        name, command = _entry(number, line)
        if name in processes:
            raise errors.procfile_line(number, line, f"The process type {name} stands there twice.")
        processes[name] = command
    return processes


def _lines(content: bytes) -> list[str]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        number = content.count(b"\n", 0, error.start) + 1
        raise errors.procfile_line(number, "", "It is not UTF-8 text.") from None
    return [line.strip() for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n")]


def _entry(number: int, line: str) -> tuple[str, str]:
    if CONFLICT.match(line):
        raise errors.procfile_line(number, line, "It is the mark of a merge conflict.")
    found = LINE.fullmatch(line)
    if not found:
        raise errors.procfile_line(number, line, "A line is a process type, a colon, a command.")
    name, command = found.groups()
    try:
        ProcessType(name)
    except InvalidInput as error:
        raise errors.procfile_line(number, line, error.why) from None
    if not command:
        raise errors.procfile_line(number, line, "The command is missing.")
    if "\0" in command:
        raise errors.procfile_line(number, line, "A command cannot hold a NUL character.")
    return name, command
