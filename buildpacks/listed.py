"""Buildpacks that an app names itself, in app.json or project.toml: which of ours they mean."""

import re

from buildpacks import errors
from buildpacks.values import Value

# Heroku's names, without "heroku/", by the names of our modules.
NAMES = {
    "ruby": ("ruby",),
    "golang": ("go",),
    "java": ("java", "jvm", "gradle", "maven"),
    "php": ("php",),
    "python": ("python",),
    "node": ("nodejs", "nodejs-engine", "nodejs-npm-install", "nodejs-pnpm-install", "nodejs-yarn"),
    "static": ("static", "static-web-server"),
    "procfile_app": ("procfile",),
}
MODULES = {name: module for module, names in NAMES.items() for name in names}
ADDRESS = re.compile(
    r"(?:https://github\.com/heroku/heroku-buildpack-([\w-]+?)(?:\.git)?/?(?:#.*)?"
    r"|(?:urn:(?:cnb:registry|buildpacks?):|docker://docker\.io/)?heroku/(?:buildpack-)?([\w-]+)"
    r"(?:[@:][\w.-]+)?)"
)
SHOWN = ("ruby", "go", "java", "gradle", "php", "python", "nodejs", "static", "procfile")
HELPS = {"ruby": {"node"}}
"""Which buildpacks do the work of others too, where the app has files for them."""


def builtin(name: str) -> str:
    """Return the name of our module that the name or address means, empty for none of ours."""
    found = ADDRESS.fullmatch(name.strip())
    return MODULES.get(found[1] or found[2], "") if found else ""


def chosen(listed: list[Value]) -> tuple[str, Value] | None:
    """Return the module that builds the app, and the name that asks for it; None for an empty list.

    Raises InvalidInput for a buildpack that is none of ours, and for languages that no single one
    of ours builds together.
    """
    asked = [(_known(one), one) for one in listed]
    own = [pair for pair in asked if pair[0] != "procfile_app"] or asked
    if not own:
        return None
    last, name = own[-1]
    for module, other in own:
        if module != last and module not in HELPS.get(last, set()):
            raise errors.several_buildpacks(other.where, other.text(), name.text())
    return last, name


def _known(one: Value) -> str:
    if module := builtin(one.text()):
        return module
    raise errors.unknown_buildpack(one.where, one.text(), [f"heroku/{name}" for name in SHOWN])
