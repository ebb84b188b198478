"""Which Python an app gets: the first file that asks for one decides."""

import json
import re
from typing import Any

from buildpacks import errors, runtimes
from buildpacks.plan import Base
from buildpacks.runtimes import Wish
from buildpacks.stack_facts import PYTHON_OF_SUITE, Stack
from buildpacks.tree import Tree
from buildpacks.versions import Version


def base(tree: Tree, pyproject: dict[str, Any], stack: Stack) -> tuple[Base | None, str]:
    """Return the image to build on, None for the server's own, and what to say of the version."""
    if stack.python is None:
        return None, f"Python: as {stack.image} has it"
    wish, have = _wish(tree, pyproject), str(stack.python)
    lines = list(PYTHON_OF_SUITE.values()) if stack.suite else [have]
    if wish is None:
        return None, f"Python {have} (what {stack.image} has)"
    line, note = runtimes.choose("Python", wish, lines, have)
    if line == have:
        return None, note
    suite = next(suite for suite, python in PYTHON_OF_SUITE.items() if python == line)
    return Base(f"python:{line}", suite), note


def _wish(tree: Tree, pyproject: dict[str, Any]) -> Wish | None:
    for path in (".python-version", "runtime.txt"):
        lines = tree.text(path).splitlines() if path in tree else []
        wishes = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
        if wishes:
            return Wish(path, _pinned(path, re.sub(r"^c?python-", "", wishes[0])))
    for path, wanted in (
        ("Pipfile.lock", _of_pipfile(tree)),
        ("pyproject.toml", pyproject.get("project", {}).get("requires-python")),
        ("pyproject.toml", _of_poetry(pyproject)),
    ):
        if wanted:
            return Wish(path, str(wanted))
    return None


def _pinned(where: str, wanted: str) -> str:
    try:
        return str(Version.of(wanted))
    except ValueError:
        raise errors.unreadable_version("Python", where, wanted, "3.13") from None


def _of_pipfile(tree: Tree) -> str:
    if "Pipfile.lock" not in tree:
        return ""
    try:
        requires = json.loads(tree.text("Pipfile.lock"))["_meta"]["requires"]
        return str(requires.get("python_full_version") or requires.get("python_version") or "")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise errors.unreadable_file("Pipfile.lock", str(error)) from None


def _of_poetry(pyproject: dict[str, Any]) -> object:
    return pyproject.get("tool", {}).get("poetry", {}).get("dependencies", {}).get("python")
