"""empire build, build:plan: what a push would build, seen and built on this machine, without a server."""

import re
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from buildpacks import heroku_buildpack
from buildpacks.builder import Builder
from buildpacks.dockerfile import Workshop, render
from buildpacks.gathering import gathered
from buildpacks.git_fetch import Fetches
from buildpacks.plan import Plan
from buildpacks.stack import ensure_base
from buildpacks.stack_facts import Stack
from buildpacks.tree import Tree
from buildpacks.work_tree import source_of
from cli.output import Json, as_json, data, say
from empire.events import Stream, masked
from empire.names import AppName
from empire.secrets import Secret
from empire.settings import Settings

Result = TypeVar("Result")
Folder = Annotated[Path, typer.Argument(help="The app's folder; else this one.")]
Buildpack = Annotated[
    str, typer.Option("--buildpack", help="A buildpack's git URL, as BUILDPACK_URL names it.")
]
OWN = "(the image's own command)"
APART = "builds"
"""The folder below the server's home that keeps what builds by hand share, apart from its own."""


def plan(
    directory: Folder = Path(),
    dockerfile: Annotated[
        bool, typer.Option("--dockerfile", help="Print the Dockerfile that would be built.")
    ] = False,
    buildpack: Buildpack = "",
    json_: Json = False,
) -> None:
    """Show what would be built and why."""
    settings = Settings.read()
    stack = Stack.usual(settings.base_image)
    name, config = _name_of(directory), _config(buildpack)
    fetches = Fetches(_apart(settings), name, lambda: None)
    with source_of(directory, name) as source, ExitStack() as opened:
        gathering = gathered(source, config, settings, fetches, b"", opened)
        _, tree, detected = _shown(gathering)
        found = detected.plan(tree, stack)
        text = _dockerfile(found, tree, stack.image)
    if json_:
        as_json(_shape(found, text))
    elif dockerfile:
        data(text.rstrip())
    else:
        _show(found, stack.image)


def build(directory: Folder = Path(), buildpack: Buildpack = "") -> None:
    """Build the app in a folder on this machine's engine, and print the image's id."""
    settings = Settings.read()
    name = _name_of(directory)
    _shown(ensure_base(settings))
    with source_of(directory, name) as source:
        builder = Builder(_apart(settings))
        image = _shown(builder.build(source, "latest", lambda: False, _config(buildpack)))
    say(f"Run it: docker run --rm -e PORT=5000 -p 127.0.0.1:5000:5000 {image.ref[7:19]}")
    data(image.ref)


def _apart(settings: Settings) -> Settings:
    return settings.model_copy(update={"home": settings.home / APART})


def _config(buildpack: str) -> dict[str, Secret]:
    return {heroku_buildpack.URL: Secret(buildpack)} if buildpack else {}


def _shown(events: Stream[Result]) -> Result:
    """Show the events as they come, and return what they lead to."""
    while True:
        try:
            say(masked(str(next(events))))
        except StopIteration as end:
            result: Result = end.value
            return result


def _name_of(directory: Path) -> AppName:
    """Return the folder's name as an app's, as far as its characters allow."""
    name = re.sub(r"[^a-z0-9]+", "-", directory.resolve().name.lower()).strip("-")[:30].strip("-")
    return AppName(name if re.fullmatch(r"[a-z].+[a-z0-9]", name) else "app")


def _dockerfile(found: Plan, tree: Tree, image: str) -> str:
    if found.dockerfile:
        return tree.text(found.dockerfile)
    base = found.base.image if found.base else image
    return render(found, Workshop(base, bench=found.workbench.image if found.workbench else ""))


def _shape(found: Plan, dockerfile: str) -> dict[str, Any]:
    return {
        "buildpack": found.buildpack,
        "because": list(found.notes),
        "warnings": list(found.warnings),
        "processes": found.processes,
        "base": found.base.image if found.base else None,
        "context": found.context,
        "target": found.target,
        "build_arguments": found.arguments,
        "build_env": found.wished_env,
        "health_path": found.life.health_path,
        "start_seconds": found.life.start_seconds,
        "formation": {
            type_: {"quantity": quantity, "size": size}
            for type_, (quantity, size) in found.life.formation.items()
        },
        "postdeploy": found.life.postdeploy,
        "config_vars": {"required": found.life.required, "offered": found.life.offered},
        "dockerfile": dockerfile,
    }


def _show(found: Plan, image: str) -> None:
    data(f"Buildpack: {found.buildpack}")
    if not found.dockerfile:
        chosen = found.workbench or found.base
        data(f"Base image: {chosen.image if chosen else image}")
    for note in found.notes:
        data(masked(note))
    for warning in found.warnings:
        data(f"Warning: {masked(warning)}")
    if required := found.life.required:
        data(f"Config vars that have to be set: {', '.join(required)}")
    if offered := found.life.offered:
        data(f"Config vars with a value in the app's files: {', '.join(offered)}")
    for name, command in found.processes.items():
        data(f"  {name}: {masked(command) or OWN}")
