"""What a build says before it begins: what it builds and why, and what its owner may not expect."""

from collections.abc import Mapping

from buildpacks import context
from buildpacks.order import left_out
from buildpacks.plan import Life, Plan
from buildpacks.tree import Tree
from empire import events
from empire.events import Line, Stage, Stream
from empire.secrets import Secret

SHOWN = 5


def introduction(plan: Plan, tree: Tree, base: str) -> Stream[None]:
    """Say what will be built, why so, and what of the source will not be as its owner thinks."""
    if plan.dockerfile:
        yield Stage("Building with Dockerfile")
    else:
        yield Stage(f"Building with the {plan.buildpack} buildpack on {_base_of(plan, base)}")
    yield from map(Line, plan.notes)
    yield from map(events.Warning, plan.warnings)
    is_left_out = left_out(tree, plan)
    if paths := [path for path in context.lfs_pointers(tree) if not is_left_out(path)]:
        yield events.Warning(_pointers(paths))


def _pointers(paths: list[str]) -> str:
    are = (
        "1 file is a Git LFS pointer"
        if len(paths) == 1
        else f"{len(paths)} files are Git LFS pointers"
    )
    return (
        f"{are}: {_few(paths)}. Their contents are not in the push, so the app gets the pointers. "
        "Have the app fetch the contents from elsewhere, or take them out of LFS: "
        f'git lfs migrate export --include="{paths[0]}"'
    )


def unset(life: Life, config: Mapping[str, Secret]) -> Stream[None]:
    """Say which config vars the app's files ask for, and which they have values for."""
    if missing := [name for name in life.required if name not in config]:
        yield events.Warning(f"app.json asks for config vars that are not set: {_few(missing)}")
    if offered := [name for name in life.offered if name not in config]:
        yield Line(f"Not set, though the app's files have a value for them: {_few(offered)}")


def _base_of(plan: Plan, base: str) -> str:
    chosen = plan.workbench or plan.base
    return chosen.image if chosen else base


def _few(paths: list[str]) -> str:
    more = f" and {len(paths) - SHOWN} more" if len(paths) > SHOWN else ""
    return ", ".join(paths[:SHOWN]) + more
