"""What package.json says, as far as a build asks."""

import json
from dataclasses import dataclass
from typing import Any

from buildpacks import errors
from buildpacks.tree import Tree

FILE = "package.json"
HOOKS = ("preinstall", "install", "postinstall", "prepare")


@dataclass(frozen=True, slots=True)
class Package:
    """The fields of a package.json; a field of a wrong type counts as missing."""

    content: dict[str, Any]

    @classmethod
    def of(cls, tree: Tree) -> "Package":
        """Read it; raises InvalidInput."""
        try:
            content = json.loads(tree.text(FILE))
        except ValueError as error:
            raise errors.unreadable_file(FILE, str(error)) from None
        if not isinstance(content, dict):
            raise errors.unreadable_file(FILE, "It is no JSON object.")
        return cls(content)

    def table(self, name: str) -> dict[str, str]:
        """Return a field that maps names to texts."""
        found = self.content.get(name)
        if not isinstance(found, dict):
            return {}
        return {str(key): value for key, value in found.items() if isinstance(value, str)}

    def text(self, name: str) -> str:
        """Return a field that is a text."""
        found = self.content.get(name)
        return found if isinstance(found, str) else ""

    @property
    def scripts(self) -> dict[str, str]:
        """Its scripts by name."""
        return self.table("scripts")

    @property
    def build_script(self) -> str:
        """The script that builds it, empty when there is none; Heroku's own name comes first."""
        return next((name for name in ("heroku-postbuild", "build") if name in self.scripts), "")

    @property
    def dependencies(self) -> dict[str, str]:
        """What it depends on, also in development."""
        return self.table("devDependencies") | self.table("dependencies")

    @property
    def needs_whole_tree(self) -> bool:
        """Tell whether installing its packages may read any of its files."""
        is_local = any(
            wanted.startswith(("file:", "link:", "workspace:", "portal:", "./", "../"))
            for wanted in self.dependencies.values()
        )
        return is_local or "workspaces" in self.content or any(h in self.scripts for h in HOOKS)
