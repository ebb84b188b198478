"""Reads YAML as plain tables, lists and texts, with the line of each; nothing in it is ever run."""

from dataclasses import dataclass, field
from typing import Any

import yaml

from buildpacks import errors
from buildpacks.values import Value, Way, text_of

MOST_VALUES = 10_000
"""A few lines of YAML can stand for millions of values."""


def of_yaml(file: str, content: bytes) -> Value:
    """Return what a YAML file holds: every scalar as the text that stands there, none as None.

    Raises InvalidInput that names the line.
    """
    try:
        root = yaml.compose(text_of(file, content), Loader=yaml.SafeLoader)
        reading = _Reading(file)
        plain = None if root is None else reading.plain(root, ())
    except yaml.YAMLError as error:
        raise errors.unreadable_file(file, _told(error)) from None
    except RecursionError:
        raise errors.unreadable_file(file, "It is nested too deeply.") from None
    value = Value(file, plain, lambda way, _: _line(reading.lines, way))
    value.items()
    return value


def _line(lines: dict[Way, int], way: Way) -> int:
    """Return the line of the value, or of what it is missing from."""
    return next((lines[way[:end]] for end in range(len(way), 0, -1) if way[:end] in lines), 0)


@dataclass
class _Reading:
    """A file on its way from YAML's nodes to plain values."""

    file: str
    lines: dict[Way, int] = field(default_factory=dict)
    left: int = MOST_VALUES

    def plain(self, node: Any, way: Way) -> Any:
        """Return the node as plain values, and write down its line."""
        self.left -= 1
        if self.left < 0:
            raise errors.unreadable_file(self.file, "It stands for too many values.")
        self.lines.setdefault(way, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            return self._table(node, way)
        if isinstance(node, yaml.SequenceNode):
            return [self.plain(one, (*way, index)) for index, one in enumerate(node.value)]
        is_nothing = node.tag == "tag:yaml.org,2002:null"
        return None if is_nothing else str(node.value)

    def _table(self, node: Any, way: Way) -> dict[str, Any]:
        table: dict[str, Any] = {}
        for key, value in node.value:
            name, line = str(key.value), key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode) or name == "<<":
                raise errors.wrong_value(
                    f"{self.file}, line {line}", "", "A name has to be a plain text."
                )
            if name in table:
                raise errors.wrong_value(
                    f"{self.file}, line {line}", name, "It stands there twice."
                )
            self.lines[(*way, name)] = line
            table[name] = self.plain(value, (*way, name))
        return table


def _told(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error)
    return f"Line {mark.line + 1}: {problem}." if mark else f"{problem}."
