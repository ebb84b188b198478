"""Every text that variables of a Dockerfile may make of a word, as BuildKit replaces them."""

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from math import prod

Values = Callable[[str], Sequence[str]]
"""Returns every value that a variable may have."""

PLAIN = re.compile(r"[^$]+")
SIMPLE = re.compile(r"\$([A-Za-z_]\w*)|\$\{([A-Za-z_]\w*)\}")
CHOICE = re.compile(r"\$\{([A-Za-z_]\w*):?([-+])")
DEEP = 8
MOST = 1000


class UndecidedError(Exception):
    """The text's variables are of a kind that is not known here, or have too many values."""


def expanded(text: str, values: Values, deep: int = 0) -> Iterator[str]:
    """Yield what the text may become; raises UndecidedError."""
    if deep > DEEP:
        raise UndecidedError
    parts = [list(dict.fromkeys(part)) for part in _parts(text, values, deep)]
    if prod(map(len, parts)) > MOST:
        raise UndecidedError
    yield from dict.fromkeys("".join(choice) for choice in product(*parts))


def _parts(text: str, values: Values, deep: int) -> Iterator[Sequence[str]]:
    at = 0
    while at < len(text):
        if found := PLAIN.match(text, at):
            yield [found[0]]
            at = found.end()
        elif found := SIMPLE.match(text, at):
            yield _all(found[1] or found[2], values, deep)
            at = found.end()
        elif found := CHOICE.match(text, at):
            end = _closing(text, found.end())
            word = list(expanded(text[found.end() : end], values, deep + 1))
            yield [*_all(found[1], values, deep), *word] if found[2] == "-" else ["", *word]
            at = end + 1
        else:
            raise UndecidedError


def _all(name: str, values: Values, deep: int) -> list[str]:
    return [text for value in values(name) for text in expanded(value, values, deep + 1)]


def _closing(text: str, at: int) -> int:
    """Return where the brace that was opened before `at` is closed."""
    open_ = 1
    while at < len(text):
        open_ += {"{": 1, "}": -1}.get(text[at], 0)
        if not open_:
            return at
        at += 1
    raise UndecidedError
