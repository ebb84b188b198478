"""Static sites: the folder with index.html, served by a small server of ours."""

from importlib.resources import files

from buildpacks import procfile
from buildpacks.plan import Plan
from buildpacks.stack_facts import Stack
from buildpacks.tree import Tree

FOLDERS = (".", "public", "dist", "build", "_site")
SERVER = "/opt/empire/static_server.py"


def recognises(tree: Tree) -> bool:
    """Tell whether some usual folder holds an index.html."""
    return any(_index(folder) in tree for folder in FOLDERS)


def plan(tree: Tree, stack: Stack) -> Plan:  # noqa: ARG001 - every buildpack is asked the same way
    """Return the plan: no build steps, the files, and the server."""
    folder = next(folder for folder in FOLDERS if _index(folder) in tree)
    processes = procfile.parse(tree.read("Procfile")) if "Procfile" in tree else {}
    shown = "the top folder" if folder == "." else f"{folder}/"
    return Plan(
        "static",
        {"web": f"exec python3 {SERVER} {folder} $PORT", **processes},
        notes=(f"Serving {shown}",),
        embedded={SERVER: files("buildpacks").joinpath("static_server.py").read_bytes()},
    )


def _index(folder: str) -> str:
    return "index.html" if folder == "." else f"{folder}/index.html"
