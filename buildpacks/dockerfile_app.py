"""Apps that bring a Dockerfile: it is built as it stands."""

from buildpacks import procfile
from buildpacks.plan import Plan
from buildpacks.stack_facts import Stack
from buildpacks.tree import Tree

FILE = "Dockerfile"


def recognises(tree: Tree) -> bool:
    """Tell whether a Dockerfile lies in the top folder."""
    return FILE in tree


def plan(tree: Tree, stack: Stack) -> Plan:  # noqa: ARG001 - every buildpack is asked the same way
    """Return the plan; without a Procfile the image's own command is the web process."""
    if "Procfile" not in tree:
        return Plan("Dockerfile", {"web": ""}, dockerfile=FILE)
    processes = procfile.parse(tree.read("Procfile"))
    note = f"Procfile: {', '.join(processes)}"
    return Plan("Dockerfile", {"web": "", **processes}, notes=(note,), dockerfile=FILE)
