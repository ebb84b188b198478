"""What a dyno said before it ended, as it stands under an error."""

from collections.abc import Mapping, Sequence

from empire.events import masked
from empire.secrets import Secret

LINES = 20
LONGEST_LINE = 500
SHORTEST_SECRET = 8
"""Shorter values of config vars, and plain words, are no secrets; hiding them garbles the output."""
SHELL_EXIT_CODES = {
    126: "The command was found but cannot be executed. Is the file executable?",
    127: "The command was not found in the image. Is it spelled right, and is its package installed?",
}


def told(lines: Sequence[str]) -> str:
    """Return the last lines as a person reads them."""
    if not lines:
        return "It wrote nothing."
    return "\n".join(("Its last lines:", *(f"  {line}" for line in lines)))


def advice(exit_code: int) -> str:
    """Return what to look at after this exit code."""
    return SHELL_EXIT_CODES.get(exit_code, "The reason is most likely in its last lines.")


def cleaned(text: str, env: Mapping[str, Secret]) -> list[str]:
    """Return the lines of the text without the values of config vars and without terminal codes."""
    for secret in env.values():
        value = secret.reveal()
        if len(value) >= SHORTEST_SECRET and not value.isalpha():
            text = text.replace(value, str(secret))
    return [masked(line)[:LONGEST_LINE] for line in text.splitlines()]
