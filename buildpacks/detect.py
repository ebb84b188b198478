"""Which buildpack an app gets: the first that recognises it. A new language is a file and a line."""

from typing import Protocol

from buildpacks import (
    dockerfile_app,
    errors,
    golang,
    java,
    node,
    php,
    procfile_app,
    python,
    ruby,
    static,
)
from buildpacks.plan import Plan
from buildpacks.stack_facts import Stack
from buildpacks.tree import Tree


class Buildpack(Protocol):
    """What a language's module offers."""

    def recognises(self, tree: Tree) -> bool:
        """Tell whether the app is of this kind."""
        ...

    def plan(self, tree: Tree, stack: Stack) -> Plan:
        """Return how to build it; raises BuildFailed or InvalidInput with what to change."""
        ...


BUILDPACKS: tuple[Buildpack, ...] = (
    dockerfile_app,
    ruby,
    golang,
    java,
    php,
    python,
    node,
    static,
    procfile_app,
)


def detect(tree: Tree) -> Buildpack:
    """Return the buildpack for the app; raises BuildFailed when none fits."""
    for buildpack in BUILDPACKS:
        if buildpack.recognises(tree):
            return buildpack
    raise errors.nothing_recognised(sorted({path.partition("/")[0] for path in tree.entries}))
