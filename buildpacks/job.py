"""What is known of a build before it begins, and of its image when it is there."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from buildpacks import wishes
from buildpacks.dockerfile import config_id
from buildpacks.plan import Plan, Run
from buildpacks.stack_facts import Stack
from buildpacks.tree import Tree
from buildpacks.wishes import Granted
from empire.manifest import Image, Source
from empire.names import ImageRef, ProcessType
from empire.secrets import Secret

VERSION = "SOURCE_VERSION"


@dataclass(frozen=True, slots=True)
class Job:
    """All that is known of a build before it begins."""

    tree: Tree
    source: Source
    build: str
    plan: Plan
    stack: Stack
    granted: Granted

    def image(self, found: Mapping[str, Any], key: str) -> Image:
        """Return the image that the engine found, as the platform knows it."""
        processes = {ProcessType(name): command for name, command in self.plan.processes.items()}
        labels = (found.get("Config") or {}).get("Labels") or {}
        release = processes.pop(ProcessType("release"), None)
        return Image(
            ref=ImageRef(found["Id"]),
            processes=processes,
            health_path=self.plan.life.health_path or labels.get("empire.health"),
            release_command=release,
            size_bytes=found["Size"],
            buildpack=self.plan.buildpack,
            formation={
                ProcessType(type_): wish for type_, wish in self.plan.life.formation.items()
            },
            start_seconds=self.plan.life.start_seconds,
            postdeploy=self.plan.life.postdeploy,
            key=key,
        )

    def reused(self, image: Image) -> Image:
        """Return the image of an equal build as this one's."""
        mine = self.image({"Id": image.ref, "Size": image.size_bytes}, image.key)
        mine = replace(mine, health_path=self.plan.life.health_path or image.health_path)
        if not self.plan.beside:
            return mine
        return replace(mine, processes=image.processes, release_command=image.release_command)


def granted(tree: Tree, plan: Plan, config: Mapping[str, Secret], commit: str) -> Granted:
    """Return what the config vars give to the plan's Dockerfile, and the commit if it asks."""
    if not plan.dockerfile:
        names = [name for step in plan.steps if isinstance(step, Run) for name in step.config]
        values = {name: config[name].reveal().encode() for name in names}
        return Granted(secrets={config_id(name): value for name, value in values.items()})
    text = tree.text(plan.dockerfile)
    given = wishes.granted(text, config)
    version = {VERSION: commit} if wishes.names_argument(text, VERSION) else {}
    return replace(
        given,
        arguments=version | given.arguments | plan.arguments,
        target=given.target or plan.target,
    )
