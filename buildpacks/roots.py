"""Apps in a folder of a larger repository: which folder is the app, and which one its build sees."""

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from buildpacks import errors
from buildpacks.plan import Plan
from empire.secrets import Secret

APP, CONTEXT = "APP_ROOT", "CONTEXT_ROOT"


@dataclass(frozen=True, slots=True)
class Roots:
    """Two folders by their paths from the top, which is the empty path; `app` is within `context`."""

    app: str = ""
    context: str = ""
    is_context_named: bool = field(default=False, compare=False)

    @classmethod
    def of(cls, config: Mapping[str, Secret]) -> "Roots":
        """Read the config vars APP_ROOT and CONTEXT_ROOT; raises InvalidInput."""
        app = _path(APP, config)
        context = _path(CONTEXT, config) if CONTEXT in config else app
        if context and not f"{app}/".startswith(f"{context}/"):
            raise errors.wrong_root(
                CONTEXT, context, f"It has to be a folder above {APP} ({app or '.'}), or the same."
            )
        return cls(app, context, CONTEXT in config)

    def context_of(self, plan: Plan) -> str:
        """Return the folder that the plan's build sees: CONTEXT_ROOT, else what the plan wants."""
        if self.is_context_named or not plan.context:
            return self.context
        return posixpath.join(self.app, plan.context)

    def seen(self, plan: Plan) -> Plan:
        """Return the plan as it is seen from the context; raises InvalidInput."""
        folder = self.context_of(plan)
        if self.app == folder:
            return plan
        if not plan.dockerfile:
            raise errors.wrong_root(
                CONTEXT,
                self.context or ".",
                f"Only a Dockerfile sees more than the app; the {plan.buildpack} buildpack builds "
                f"{self.app} alone.",
            )
        dockerfile = posixpath.join(self.app, plan.dockerfile)
        return replace(plan, dockerfile=posixpath.relpath(dockerfile, folder or "."))


def _path(name: str, config: Mapping[str, Secret]) -> str:
    wanted = config[name].reveal() if name in config else ""
    path = posixpath.normpath(wanted.strip() or ".")
    if path.startswith(("/", "..")):
        raise errors.wrong_root(name, wanted, "It is a path from the repository's top folder.")
    return "" if path == "." else path
