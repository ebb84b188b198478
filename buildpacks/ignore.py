"""What a .dockerignore leaves out, by the engine's own rules.

Patterns are rooted at the context, `*` and `?` stop at slashes, `**` does not, the last pattern
that matches a path or a folder above it decides, and `!` takes it back in.
"""

import re
from collections.abc import Sequence
from functools import lru_cache


class Ignored:
    """The patterns of one .dockerignore. Call it with a path from the context's root."""

    def __init__(self, content: str) -> None:
        self._patterns = [_compiled(line) for line in _lines(content)]
        self._matches = lru_cache(maxsize=None)(self._uncached_matches)

    def __call__(self, path: str) -> bool:
        """Tell whether the path is left out of the context."""
        matches = self._matches(path)
        for (_, is_exception), is_match in zip(
            reversed(self._patterns), reversed(matches), strict=True
        ):
            if is_match:
                return not is_exception
        return False

    def _uncached_matches(self, path: str) -> tuple[bool, ...]:
        """For each pattern, whether it matches the path or a folder above it."""
        own = tuple(regex.fullmatch(path) is not None for regex, _ in self._patterns)
        parent = path.rpartition("/")[0]
        if not parent:
            return own
        return tuple(map(bool.__or__, own, self._matches(parent)))


def like_git(content: str) -> str:
    """Return a .slugignore's patterns, which are git's without `!`, as a .dockerignore's.

    A pattern without a slash holds at any depth; one that ends with a slash, for folders, too.
    """
    lines = (line.split("#")[0].strip().rstrip("/") for line in content.splitlines())
    return "\n".join(
        line if "/" in line else f"**/{line}" for line in lines if line and line[0] != "!"
    )


def of_patterns(patterns: Sequence[str]) -> str:
    """Return git's patterns, `!` included, as a .dockerignore's."""
    return "\n".join(_as_docker(pattern.strip()) for pattern in patterns if pattern.strip())


def _as_docker(pattern: str) -> str:
    mark = "!" if pattern.startswith("!") else ""
    path = pattern.removeprefix("!").rstrip("/")
    return mark + (path.removeprefix("/") if "/" in path else f"**/{path}")


def _lines(content: str) -> list[str]:
    lines = content.removeprefix("\ufeff").splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def _compiled(line: str) -> tuple[re.Pattern[str], bool]:
    is_exception = line.startswith("!")
    return re.compile(_regex(_clean(line[is_exception:].strip())), re.DOTALL), is_exception


def _clean(pattern: str) -> str:
    """Resolve `.`, `..` and doubled slashes as the engine's client does; drop the leading slash."""
    parts: list[str] = []
    for part in pattern.split("/"):
        if part == ".." and parts:
            parts.pop()
        elif part not in ("", ".", ".."):
            parts.append(part)
    return "/".join(parts)


def _regex(pattern: str) -> str:
    regex, rest = "", pattern
    while rest:
        token, rest = _token(rest)
        regex += token
    return regex


def _token(rest: str) -> tuple[str, str]:
    """Return the regular expression of the first token and what follows it."""
    if rest.startswith("**"):
        rest = rest.lstrip("*").removeprefix("/")
        return ("(.*/)?" if rest else ".*"), rest
    if rest[0] == "*":
        return "[^/]*", rest[1:]
    if rest[0] == "?":
        return "[^/]", rest[1:]
    if rest[0] == "\\" and len(rest) > 1:
        return re.escape(rest[1]), rest[2:]
    if found := re.match(r"\[(\^?)((?:\\.|[^\]\\])+)\]", rest):
        return f"[{found[1]}{_members(found[2])}]", rest[found.end() :]
    return re.escape(rest[0]), rest[1:]


def _members(text: str) -> str:
    """Return a character class's members with every character that is not a range's dash escaped.

    A range that runs backwards holds nothing.
    """
    regex = ""
    for found in re.finditer(r"(\\.|[^\\])(?:-(\\.|[^\\]))?", text, re.DOTALL):
        first, last = found[1][-1], (found[2] or found[1])[-1]
        if first <= last:
            regex += f"{re.escape(first)}-{re.escape(last)}"
    return regex or r"^\s\S"
