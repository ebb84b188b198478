"""Apps of which only a Procfile says what they are: their files on the base image."""

from buildpacks import errors, procfile
from buildpacks.plan import Plan
from buildpacks.stack_facts import Stack
from buildpacks.tree import Tree


def recognises(tree: Tree) -> bool:
    """Tell whether there is a Procfile; this is asked last."""
    return "Procfile" in tree


def plan(tree: Tree, stack: Stack) -> Plan:
    """Return the plan: no build steps; raises BuildFailed for a Procfile without processes."""
    processes = procfile.parse(tree.read("Procfile"))
    if not processes:
        raise errors.no_web_command(
            "The Procfile is empty and nothing else is recognised.",
            "Add a line such as: web: ./server",
        )
    python = f"Python {stack.python}, " if stack.python else ""
    notes = (
        f"Procfile: {', '.join(processes)}",
        f"No language is recognised: the files run as they are, with {python}a shell and Debian's tools",
    )
    return Plan("Procfile", processes, notes=notes)
