"""The values of a file of the app, each with its way there, so that what is wrong names its line."""

import json
import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from buildpacks import errors
from empire.errors import InvalidInput

Way = tuple[str | int, ...]
"""The keys and indexes that lead to a value."""
LARGEST_BYTES = 256 * 1024
EMPTY: tuple[Any, ...] = (None, [], {})
"""Some programs write an empty table as a list, or the other way round."""


@dataclass(frozen=True, slots=True)
class Value:
    """A value; `plain` is None where the file has none. Every reading raises InvalidInput."""

    file: str
    plain: Any
    line_of: Callable[[Way, Any], int]
    way: Way = ()

    def __getitem__(self, key: str) -> "Value":
        """Return what the key holds."""
        return self._below(key, self._table().get(key))

    def __bool__(self) -> bool:
        """Tell whether the file says anything here."""
        return self.plain is not None

    def items(self) -> list[tuple[str, "Value"]]:
        """Return the keys of a table with what they hold."""
        return [(key, self._below(key, plain)) for key, plain in self._table().items()]

    def each(self) -> list["Value"]:
        """Return the elements of a list."""
        if self.plain in EMPTY:
            return []
        if not isinstance(self.plain, list):
            raise self.wrong("It has to be a list.")
        return [self._below(index, plain) for index, plain in enumerate(self.plain)]

    def text(self) -> str:
        """Return a text that is not empty."""
        if not isinstance(self.plain, str) or not self.plain.strip():
            raise self.wrong("It is missing." if self.plain is None else "It has to be a text.")
        if "\0" in self.plain:
            raise self.wrong("It holds a NUL character.")
        return self.plain.strip()

    @property
    def line(self) -> int:
        """The line of the file, 0 where that is not known."""
        return self.line_of(self.way, self.plain)

    @property
    def name(self) -> str:
        """What the value is called: its keys with dots between them."""
        return ".".join(str(key) for key in self.way if isinstance(key, str))

    @property
    def where(self) -> str:
        """The file and the line."""
        return f"{self.file}, line {self.line}" if self.line else self.file

    def wrong(self, why: str, fix: str = "") -> InvalidInput:
        """Return the error that the value cannot be what it is."""
        return errors.wrong_value(self.where, self.name, why, fix)

    def strangers(self, known: tuple[str, ...]) -> list["Value"]:
        """Return what stands in the table under keys that nobody reads."""
        return [value for key, value in self.items() if key not in known]

    def _table(self) -> dict[str, Any]:
        if self.plain in EMPTY:
            return {}
        if not isinstance(self.plain, dict):
            raise self.wrong("It has to be a table of names and values.")
        return self.plain

    def _below(self, key: str | int, plain: object) -> "Value":
        return Value(self.file, plain, self.line_of, (*self.way, key))


def of_json(file: str, content: bytes) -> Value:
    """Return what a JSON file holds."""
    text = text_of(file, content)
    try:
        plain = json.loads(text)
    except ValueError as error:
        raise errors.unreadable_file(file, str(error)) from None
    except RecursionError:
        raise errors.unreadable_file(file, "It is nested too deeply.") from None
    return _checked(Value(file, plain, _searched(text)))


def of_toml(file: str, content: bytes) -> Value:
    """Return what a TOML file holds."""
    text = text_of(file, content)
    try:
        plain = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise errors.unreadable_file(file, str(error)) from None
    except RecursionError:
        raise errors.unreadable_file(file, "It is nested too deeply.") from None
    return Value(file, plain, _searched(text))


def text_of(file: str, content: bytes) -> str:
    """Return the file's text; raises InvalidInput for what is too large or not UTF-8."""
    if len(content) > LARGEST_BYTES:
        raise errors.unreadable_file(file, f"It is larger than {LARGEST_BYTES // 1024} KiB.")
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise errors.unreadable_file(file, f"Line {line} is not UTF-8 text.") from None


def _checked(value: Value) -> Value:
    value.items()
    return value


def _searched(text: str) -> Callable[[Way, Any], int]:
    """Return what finds a value's line by looking for its keys one after the other.

    Neither parser tells lines. Who writes a key's name into an earlier value is told a wrong one.
    """

    def line(way: Way, plain: object) -> int:
        at = skipped = 0
        for key in way:
            if isinstance(key, int):
                skipped = key
                continue
            pattern = re.compile(rf"(?<![\w-]){re.escape(key)}[\"']?\s*[:=\].]")
            for _ in range(skipped + 1):
                found = pattern.search(text, at)
                at, skipped = found.end() if found else at, 0
        if way and isinstance(way[-1], int) and isinstance(plain, str):
            at = max(at, text.find(plain, at))
        return text.count("\n", 0, at) + 1 if way else 0

    return line
