"""Static sites: the folder with index.html, served by a small server of ours."""

import json
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from buildpacks import errors, procfile
from buildpacks.plan import Plan
from buildpacks.stack_facts import Stack
from buildpacks.tree import Tree

FOLDERS = (".", "public", "dist", "build", "_site")
SERVER = "/opt/empire/static_server.py"
CONFIGURATION = "static.json"


@dataclass(frozen=True, slots=True)
class Site:
    """What it takes to serve a folder."""

    processes: dict[str, str]
    notes: tuple[str, ...]
    embedded: dict[str, bytes]


def recognises(tree: Tree) -> bool:
    """Tell whether some usual folder holds an index.html."""
    return any(_index(folder) in tree for folder in _folders(tree))


def plan(tree: Tree, stack: Stack) -> Plan:  # noqa: ARG001 - every buildpack is asked the same way
    """Return the plan: no build steps, the files, and the server."""
    folder = next(folder for folder in _folders(tree) if _index(folder) in tree)
    shown = "the top folder" if folder == "." else f"{folder}/"
    site = _site(tree, folder, shown, shows_all=False)
    return Plan("static", site.processes, notes=site.notes, embedded=site.embedded)


def built(tree: Tree, folder: str, *, default: bool) -> Site:
    """Return how to serve a folder that a build made; default: whether one page shows all paths."""
    return _site(tree, folder, "what the build leaves", shows_all=default)


def found(folders: tuple[str, ...], target: str) -> str:
    """Return the command that moves the first folder with an index.html to the target."""
    names = " ".join(folders)
    return (
        f"for folder in {names}; do "
        f'if [ -f "$folder/index.html" ]; then mv "$folder" {target}; exit; fi; done; '
        f"echo 'The build left no index.html in any of: {names}' >&2; exit 1"
    )


def _site(tree: Tree, folder: str, shown: str, *, shows_all: bool) -> Site:
    configuration = _configuration(tree)
    routes = configuration.get("routes", {})
    page = routes.get("/**", "index.html" if shows_all else "") if isinstance(routes, dict) else ""
    processes = procfile.parse(tree.read("Procfile")) if "Procfile" in tree else {}
    notes = [f"Serving {shown}"]
    if page:
        notes.append(f"Paths without a file show {page}")
    command = f"exec python3 {SERVER} {folder} $PORT {page}".rstrip()
    server = files("buildpacks").joinpath("static_server.py").read_bytes()
    return Site({"web": command, **processes}, tuple(notes), {SERVER: server})


def _folders(tree: Tree) -> tuple[str, ...]:
    root = _configuration(tree).get("root")
    if not isinstance(root, str) or not root.strip("./"):
        return FOLDERS
    return (root.strip("/"), *FOLDERS)


def _configuration(tree: Tree) -> dict[str, Any]:
    """Return static.json of Heroku's classic buildpack, of which `root` and `/**` are obeyed."""
    if CONFIGURATION not in tree:
        return {}
    try:
        content = json.loads(tree.text(CONFIGURATION))
    except ValueError as error:
        raise errors.unreadable_file(CONFIGURATION, str(error)) from None
    return content if isinstance(content, dict) else {}


def _index(folder: str) -> str:
    return "index.html" if folder == "." else f"{folder}/index.html"
