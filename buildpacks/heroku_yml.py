"""heroku.yml: which Dockerfile builds the app, with which arguments, and which commands it runs.

A release here is one image: where processes name different Dockerfiles the push is refused.
"""

import posixpath
import shlex
from dataclasses import dataclass

from buildpacks import errors, wishes
from buildpacks.app_json import no_addons
from buildpacks.plan import Plan
from buildpacks.stack_facts import Stack
from buildpacks.tree import Tree
from buildpacks.values import Value
from buildpacks.yaml_file import of_yaml
from empire.errors import InvalidInput
from empire.names import ProcessType

FILE = "heroku.yml"
KNOWN = ("setup", "build", "release", "run")


@dataclass(frozen=True, slots=True)
class Recipe:
    """A Dockerfile, by its path, and its stage to build (empty: the last one)."""

    dockerfile: str
    target: str = ""

    def __str__(self) -> str:
        return self.dockerfile + (f" (stage {self.target})" if self.target else "")


@dataclass(frozen=True, slots=True)
class Setup:
    """What the file wants of a new app: config vars for which it has a value, and what is not done."""

    offered: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def recognises(tree: Tree) -> bool:
    """Tell whether there is a heroku.yml that says more than how to set up the app."""
    return FILE in tree and any(key != "setup" for key, _ in _read(tree).items())


def setup(tree: Tree) -> Setup:
    """Return what the file says of the app's setup."""
    wished = _read(tree)["setup"]
    config = tuple(name for name, _ in wished["config"].items())
    warnings = [_unread(one) for one in wished.strangers(("addons", "config"))]
    return Setup(config, (*warnings, *no_addons(wished["addons"])))


def plan(tree: Tree, stack: Stack) -> Plan:  # noqa: ARG001 - every buildpack is asked the same way
    """Return the plan; raises InvalidInput that names the line."""
    root = _read(tree)
    recipes = _recipes(root["build"]["docker"])
    if not recipes:
        raise errors.no_recipe(root["build"].where)
    recipe = _only(root["build"]["docker"], recipes)
    dockerfile = _checked(tree, root["build"]["docker"], recipe.dockerfile)
    arguments = {
        name: "" if value.plain is None else _scalar(value)
        for name, value in root["build"]["config"].items()
    }
    folder = posixpath.dirname(dockerfile)
    return Plan(
        "Dockerfile",
        _processes(root, recipes),
        notes=tuple(_notes(recipe, folder, arguments)),
        warnings=tuple(_warnings(tree, root, dockerfile, arguments)),
        dockerfile=dockerfile,
        context=folder,
        arguments=arguments,
        target=recipe.target,
    )


def _read(tree: Tree) -> Value:
    return of_yaml(FILE, tree.read(FILE))


def _recipes(docker: Value) -> dict[str, Recipe]:
    """Return how each process is built."""
    found: dict[str, Recipe] = {}
    same: dict[str, Value] = {}
    for name, about in docker.items():
        _checked_type(name, about)
        if isinstance(about.plain, dict) and about["image"]:
            same[name] = about["image"]
        elif isinstance(about.plain, dict):
            target = about["target"].text() if about["target"] else ""
            found[name] = Recipe(_path(about["dockerfile"]), target)
        else:
            found[name] = Recipe(_path(about))
    return found | {name: found[_known(image, list(found))] for name, image in same.items()}


def _only(docker: Value, recipes: dict[str, Recipe]) -> Recipe:
    if len(set(recipes.values())) > 1:
        built = {name: str(recipe) for name, recipe in recipes.items()}
        raise errors.several_dockerfiles(docker.where, built)
    return next(iter(recipes.values()))


def _path(value: Value) -> str:
    path = posixpath.normpath(value.text())
    if path.startswith(("/", "..")):
        raise value.wrong("It is a path from the app's top folder.")
    return path


def _checked(tree: Tree, docker: Value, dockerfile: str) -> str:
    if dockerfile not in tree:
        _, first = docker.items()[0]
        raise first.wrong(
            f"This commit has no file {dockerfile}.",
            "Add it to git, or name the one that is there.",
        )
    return dockerfile


def _processes(root: Value, recipes: dict[str, Recipe]) -> dict[str, str]:
    """Return the commands by process type; a process without one runs its image's own."""
    known = list(recipes)
    processes = {name: "" for name in recipes if name != "release"}
    for name, about in root["run"].items():
        if name == "release":
            raise about.wrong("The release command stands under release, not under run.")
        _checked_type(name, about)
        processes[name] = _command(about, known)
    if root["release"]:
        processes["release"] = _command(root["release"], known)
    return processes


def _command(about: Value, images: list[str]) -> str:
    """Return the command of a process or of the release phase."""
    if isinstance(about.plain, dict):
        if about["image"]:
            _known(about["image"], images)
        about = about["command"]
    if not isinstance(about.plain, list):
        return about.text()
    words = [one.text() for one in about.each()]
    if not words:
        raise about.wrong("The command is missing.")
    if len(words) == 1:
        return words[0]
    if any(word.split() != [word] for word in words):
        raise about.wrong(
            "It cannot be told whether these are several commands or the words of one.",
            "Write one command, with && between its parts.",
        )
    return shlex.join(words)


def _known(image: Value, images: list[str]) -> str:
    name = image.text()
    if name not in images:
        raise image.wrong(f"build.docker builds no {name}, only {', '.join(images) or 'nothing'}.")
    return name


def _checked_type(name: str, about: Value) -> None:
    try:
        ProcessType(name)
    except InvalidInput as error:
        raise about.wrong(error.why) from None


def _scalar(value: Value) -> str:
    if not isinstance(value.plain, str) or "\0" in value.plain:
        raise value.wrong("It has to be a text.")
    return value.plain


def _notes(recipe: Recipe, folder: str, arguments: dict[str, str]) -> list[str]:
    seen = f", whose build sees {folder}/ (CONTEXT_ROOT can name another folder)" if folder else ""
    notes = [f"{FILE} names {recipe}{seen}"]
    if arguments:
        notes.append(f"Build arguments from {FILE}: {', '.join(arguments)}")
    return notes


def _warnings(tree: Tree, root: Value, dockerfile: str, arguments: dict[str, str]) -> list[str]:
    text = tree.text(dockerfile)
    warnings = (
        ["The Procfile is not read: heroku.yml says what runs."] if "Procfile" in tree else []
    )
    warnings += [
        f"{FILE}, line {root['build']['config'][name].line}: {dockerfile} has no ARG {name}."
        for name in arguments
        if not wishes.names_argument(text, name)
    ]
    return warnings + [_unread(one) for one in _strangers(root)]


def _strangers(root: Value) -> list[Value]:
    """Return what stands in the file and is not read."""
    parts = [
        (root, KNOWN),
        (root["build"], ("docker", "config")),
        (root["release"], ("command", "image")),
        *((one, ("command", "image")) for _, one in root["run"].items()),
        *((one, ("dockerfile", "target", "image")) for _, one in root["build"]["docker"].items()),
    ]
    return [
        stranger
        for part, known in parts
        if isinstance(part.plain, dict)
        for stranger in part.strangers(known)
    ]


def _unread(one: Value) -> str:
    return f"{FILE}, line {one.line}: {one.name} is not read."
