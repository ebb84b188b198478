"""The images that languages build on: made when the first app needs one, then there for all.

Each stands on the base image, so that they share its layers. What is made anew follows from what
the image's label says of its making: another recipe, or another base image below.
"""

import hashlib
from dataclasses import dataclass

from buildpacks import stack
from buildpacks.dispatch import Dispatch
from buildpacks.dockerfile import Secret, Workshop, render_base
from buildpacks.engine import Engine
from buildpacks.order import DOCKERFILE, Order, secret_files
from buildpacks.plan import Base, Plan
from buildpacks.stack_facts import PYTHON_OF_SUITE
from buildpacks.tree import Tree
from empire.events import Stage, Stream
from empire.settings import Settings

LABEL = "empire.stack.made-of"


@dataclass(frozen=True, slots=True)
class Bases:
    """Finds or makes images on one engine. `suite` is the Debian release of the base image."""

    engine: Engine
    settings: Settings
    suite: str
    secrets: dict[Secret, bytes]
    has_mounts: bool

    def ensure(self, base: Base | None, tree: Tree, dispatch: Dispatch) -> Stream[str]:
        """Return the image's tag. The tree lends its commit's time to what is sent to the engine."""
        if base is None:
            return self.settings.base_image
        below = yield from self._below(base)
        if not (base.packages or base.fetches):
            return below
        order = self._order(base, render_base(base, self._workshop(below)))
        if self._is_there(order):
            return base.image
        with stack.alone(self.settings, dispatch.check):
            if not self._is_there(order):
                yield Stage(f"Making {base.image} for this and later apps (once)")
                yield from dispatch.send(order, tree)
        return base.image

    def found_both(self, plan: Plan) -> tuple[str | None, str | None]:
        """Return the tags of the plan's base and workbench (empty without one), None as `found`."""
        return self.found(plan.base), self.found(plan.workbench) if plan.workbench else ""

    def found(self, base: Base | None) -> str | None:
        """Return the image's tag, None where it would have to be made."""
        if base is None:
            return self.settings.base_image
        below = self._name_below(base)
        if not self.engine.image(below):
            return None
        if not (base.packages or base.fetches):
            return below
        order = self._order(base, render_base(base, self._workshop(below)))
        return base.image if self._is_there(order) else None

    def _below(self, base: Base) -> Stream[str]:
        """Return the image it stands on, which is made here when it is of another Debian release."""
        image = self._name_below(base)
        if image != self.settings.base_image:
            yield from stack.ensure_suite(self.settings, image, base.suite)
        return image

    def _name_below(self, base: Base) -> str:
        if base.suite in {"", self.suite}:
            return self.settings.base_image
        return f"empire/python:{PYTHON_OF_SUITE[base.suite]}"

    def _workshop(self, below: str) -> Workshop:
        return Workshop(below, tuple(self.secrets), has_mounts=self.has_mounts)

    def _order(self, base: Base, dockerfile: str) -> Order:
        below = dockerfile.split("FROM ")[1].split()[0]
        identity = (self.engine.image(below) or {}).get("Id", "")
        made_of = hashlib.sha256(f"{identity}\n{dockerfile}".encode()).hexdigest()[:20]
        files, mounted = secret_files(self.secrets, has_mounts=self.has_mounts)
        return Order(
            base.image,
            {LABEL: made_of},
            {DOCKERFILE: dockerfile.encode(), **files},
            "",
            _everything,
            mounted,
        )

    def _is_there(self, order: Order) -> bool:
        labels = ((self.engine.image(order.tag) or {}).get("Config") or {}).get("Labels") or {}
        return bool(labels.get(LABEL) == order.labels[LABEL])


def _everything(path: str) -> bool:  # noqa: ARG001 - no file of the app belongs into such an image
    return True
