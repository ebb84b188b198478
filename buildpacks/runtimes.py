"""Which of the versions that can be had an app gets."""

from collections.abc import Sequence
from dataclasses import dataclass

from buildpacks import errors
from buildpacks.versions import Version, satisfies


@dataclass(frozen=True, slots=True)
class Wish:
    """A requirement such as `>=3.12`, and the file that states it."""

    where: str
    wanted: str


def choose(language: str, wish: Wish | None, lines: Sequence[str], default: str) -> tuple[str, str]:
    """Return a line of versions such as 3.13 and what to say of it.

    The default wins wherever it fits, else the newest that does. Raises BuildFailed that names the
    lines when none fits, InvalidInput for what cannot be read.
    """
    if wish is None:
        return default, f"{language} {default} (nothing asks for another)"
    try:
        fits = [line for line in lines if satisfies(Version.of(line), wish.wanted)]
    except ValueError:
        raise errors.unreadable_version(language, wish.where, wish.wanted, default) from None
    if not fits:
        raise errors.wrong_version(language, wish.where, wish.wanted, lines)
    line = default if default in fits else max(fits, key=Version.of)
    return line, f"{language} {line} ({wish.where} asks for {wish.wanted})"
