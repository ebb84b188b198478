"""Which version of a language an app asks for, and whether the base image has it."""

import re
from dataclasses import dataclass

CLAUSE = re.compile(r"(===|~=|==|!=|<=|>=|<|>|\^|~|=)?\s*v?(\d+(?:\.\d+)*)(\.\*)?[\w.+-]*")


@dataclass(frozen=True, slots=True, order=True)
class Version:
    """A version by its numbers, such as 3.13.5."""

    numbers: tuple[int, ...]

    @classmethod
    def of(cls, text: str) -> "Version":
        """Return the version that the text starts with; raises ValueError when there is none."""
        found = re.match(r"v?(\d+(?:\.\d+)*)", text.strip())
        if not found:
            raise ValueError(text)
        return cls(tuple(int(number) for number in found[1].split(".")))

    def __str__(self) -> str:
        return ".".join(map(str, self.numbers))

    def begins(self, prefix: "Version") -> bool:
        """Tell whether this version is one of the line that the prefix names."""
        return self.numbers[: len(prefix.numbers)] == prefix.numbers


def satisfies(have: Version, wanted: str) -> bool:
    """Tell whether a line of releases such as 3.13 can meet a PEP 440 or Poetry requirement.

    Only as many numbers as `have` has are compared, since a base image moves along its line.
    Raises ValueError for what cannot be read.
    """
    wanted = re.sub(r"([<>=!~^])\s+", r"\1", wanted)
    alternatives = [part for part in wanted.split("||") if part.strip()]
    return any(
        all(_meets(have, clause) for clause in re.split(r"[,\s]+", part.strip()))
        for part in alternatives or [">=0"]
    )


def _meets(have: Version, clause: str) -> bool:
    if clause in ("", "*"):
        return True
    found = CLAUSE.fullmatch(clause)
    if not found:
        raise ValueError(clause)
    wanted = Version.of(found[2])
    depth = len(have.numbers)
    line = Version((wanted.numbers + (0,) * depth)[:depth])
    is_finer = any(wanted.numbers[depth:])
    if found[1] in ("~=", "^", "~"):
        return have >= line and have.begins(_series(found[1], wanted))
    outcomes = {
        ">=": have >= line,
        ">": have > line or (have == line and len(wanted.numbers) > depth),
        "<": have < line or (have == line and is_finer),
        "<=": have <= line,
        "!=": is_finer or not have.begins(wanted),
    }
    return outcomes.get(found[1] or "==", have.begins(Version(wanted.numbers[:depth])))


def _series(operator: str, wanted: Version) -> Version:
    """Return the prefix within which a compatible release has to stay."""
    if operator == "^":
        return Version(wanted.numbers[:1])
    if operator == "~":
        return Version(wanted.numbers[:2])
    return Version(wanted.numbers[:-1] or wanted.numbers)
