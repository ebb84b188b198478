"""Which of two Debian versions is newer (deb-version(7))."""

import re

PARTS = re.compile(r"(\D*)(\d*)")


def key(version: str) -> tuple[object, ...]:
    """Return a key that sorts as dpkg sorts versions."""
    epoch, colon, rest = version.partition(":")
    if not colon:
        epoch, rest = "0", version
    upstream, dash, revision = rest.rpartition("-")
    if not dash:
        upstream, revision = rest, "0"
    return int(epoch), _parts(upstream), _parts(revision)


def _parts(text: str) -> tuple[tuple[tuple[int, ...], int], ...]:
    return tuple(
        # The end of a part sorts after a tilde and before everything else.
        ((*map(_weight, letters), 0), int(digits or 0))
        for letters, digits in PARTS.findall(text)
    )


def _weight(character: str) -> int:
    if character == "~":
        return -1
    return ord(character) if character.isalpha() else ord(character) + 256
