"""What a plan may know of the base image it builds on."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from buildpacks.versions import Version

PYTHON_OF_SUITE = {"bookworm": "3.11", "trixie": "3.13", "forky": "3.14"}
DEFAULT_IMAGE, DEFAULT_SUITE = "empire/python:3", "trixie"


@dataclass(frozen=True, slots=True)
class Stack:
    """The base image, its line of Python (None: not known), its Debian suite (empty: not ours)."""

    image: str
    python: Version | None
    suite: str = ""

    @classmethod
    def of(cls, image: str, config: Mapping[str, Any] | None) -> "Stack":
        """Read it from the image's configuration: our own label, or PYTHON_VERSION of python:*."""
        config = config or {}
        suite = (config.get("Labels") or {}).get("empire.stack.suite", "")
        env = dict(pair.partition("=")[::2] for pair in config.get("Env") or [])
        python = PYTHON_OF_SUITE.get(suite) or env.get("PYTHON_VERSION", "")
        return cls(image, Version(Version.of(python).numbers[:2]) if python else None, suite)

    @classmethod
    def usual(cls, image: str = DEFAULT_IMAGE) -> "Stack":
        """Return the stack of a server on which nothing was changed."""
        return cls(image, Version.of(PYTHON_OF_SUITE[DEFAULT_SUITE]), DEFAULT_SUITE)
