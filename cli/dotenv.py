r"""Dotenv text: NAME=VALUE lines, of which every value comes back exactly. Nothing is expanded.

# a comment
export PLAIN=some text      # the value ends before a hash that follows a space
RAW='anything but a single quote, $literally, over several lines'
ESCAPED="\n, \r, \t, \\, \", \$ stand for what they name"
"""

import re

from empire.errors import InvalidInput
from empire.names import ConfigName

_PLAIN = re.compile(r"[\w./:@%+,-]+", re.ASCII)
_BLANK = re.compile(r"[ \t]*(#[^\n]*)?(\r?\n|$)")
_NAME = re.compile(r"[ \t]*(?:export[ \t]+)?(?P<name>[^\s=#'\"]+)[ \t]*=[ \t]*")
_RAW = re.compile(r"'([^']*)'")
_ESCAPED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_BARE = re.compile(r"[^\r\n]*")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "\n": ""}


def parse(text: str, place: str) -> dict[str, str]:
    """Return the vars of the text, of which the last of a name counts.

    Raises InvalidInput with place and line, and never with a value.
    """
    text = text.removeprefix("\ufeff")
    found: dict[str, str] = {}
    at = 0
    while at < len(text):
        if blank := _BLANK.match(text, at):
            at = max(blank.end(), at + 1)
            continue
        name = _NAME.match(text, at)
        if not name:
            raise _unreadable(text, at, place, "A line is NAME=VALUE, empty, or a # comment.")
        value, at = _value(text, name.end(), place)
        found[ConfigName(name["name"])] = value
    return found


def written(config: dict[str, str]) -> str:
    """Return the text from which `parse` reads the same config."""
    return "".join(f"{name}={_quoted(value)}\n" for name, value in config.items())


def _value(text: str, at: int, place: str) -> tuple[str, int]:
    if text[at : at + 1] not in ("'", '"'):
        bare = _BARE.match(text, at)
        assert bare, "it matches nothing, too"
        return re.split(r"(?:^|[ \t])#", bare[0])[0].strip(" \t"), bare.end()
    quoted = (_RAW if text[at] == "'" else _ESCAPED).match(text, at)
    if not quoted:
        raise _unreadable(text, at, place, "A quote is opened here and never closed.")
    rest = _BLANK.match(text, quoted.end())
    if not rest:
        raise _unreadable(text, quoted.end(), place, "Something follows the closing quote.")
    return (quoted[1] if text[at] == "'" else _unescaped(quoted[1])), rest.end()


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], found[1]), text, flags=re.DOTALL)


def _quoted(value: str) -> str:
    if _PLAIN.fullmatch(value) or not value:
        return value
    if "'" not in value and "\r" not in value:  # an editor may change how lines end
        return f"'{value}'"
    for sign, escape in (("\\", "\\\\"), ('"', '\\"'), ("$", "\\$"), ("\r", "\\r"), ("\n", "\\n")):
        value = value.replace(sign, escape)
    return f'"{value}"'


def _unreadable(text: str, at: int, place: str, why: str) -> InvalidInput:
    line = text.count("\n", 0, at) + 1
    return InvalidInput(
        f"{place}, line {line}, cannot be read.",
        why=why,
        fix="Put single quotes around a value with spaces, hashes or several lines.",
    )
