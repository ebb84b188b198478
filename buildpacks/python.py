"""Python apps: pip, uv, Poetry, Pipenv, or a lone app.py."""

import re
import tomllib
from typing import Any

from buildpacks import errors, procfile, python_install, python_start, python_version
from buildpacks.plan import Artifact, Plan, Run
from buildpacks.python_install import VENV
from buildpacks.stack_facts import Stack
from buildpacks.tree import Tree

FILES = ("requirements.txt", "uv.lock", "Pipfile", "Pipfile.lock", "poetry.lock", "setup.py")
STARTS = ("app.py", "main.py", "server.py", "wsgi.py", "asgi.py", "manage.py")
ENV = {
    "PATH": f"{VENV}/bin:$PATH",
    "PYTHONUNBUFFERED": "1",
    "VIRTUAL_ENV": VENV,
}


def recognises(tree: Tree) -> bool:
    """Tell whether it has requirements, a project, or a usual first file and no package.json."""
    if any(name in tree for name in FILES) or _project_tables(tree):
        return True
    return "package.json" not in tree and any(name in tree for name in STARTS)


def plan(tree: Tree, stack: Stack) -> Plan:
    """Return how to install the dependencies and which commands start the app."""
    pyproject = _pyproject(tree)
    base, note = python_version.base(tree, pyproject, stack)
    steps, how = python_install.install(tree, pyproject)
    names = python_install.dependencies(tree, pyproject)
    processes, start_notes, warnings = _processes(tree, names)
    return Plan(
        "Python",
        processes,
        notes=(note, how, *start_notes),
        warnings=(*python_install.ignored(tree, pyproject), *warnings),
        tools=python_install.tools(tree, pyproject) if steps else (),
        steps=steps,
        artifacts=(Artifact(VENV),) if steps else (),
        finish=_collect_static(tree),
        build_env=python_install.BUILD_ENV if steps else {},
        env=ENV,
        base=base,
        left_out=(".venv/",),
    )


def _processes(
    tree: Tree, names: frozenset[str]
) -> tuple[dict[str, str], tuple[str, ...], tuple[str, ...]]:
    if "Procfile" in tree:
        processes = procfile.parse(tree.read("Procfile"))
        return processes, (f"Procfile: {', '.join(processes) or 'empty'}",), ()
    start = python_start.guess(tree, names)
    note = f"No Procfile: web is `{start.command}` ({start.because})"
    return {"web": start.command}, (note,), start.warnings


def _collect_static(tree: Tree) -> tuple[Run, ...]:
    """Collect Django's static files; a project whose settings need its config vars goes without."""
    if "manage.py" not in tree:
        return ()
    settings = [path for path in tree.entries if re.search(r"(^|/)settings[^/]*(/.*)?\.py$", path)]
    if not any(
        re.search(r"^\s*STATIC_ROOT\s*=", tree.text(path), re.MULTILINE) for path in settings
    ):
        return ()
    return (
        Run(
            "python manage.py collectstatic --noinput || "
            "echo 'collectstatic failed; the build goes on without collected static files'"
        ),
    )


def _pyproject(tree: Tree) -> dict[str, Any]:
    if "pyproject.toml" not in tree:
        return {}
    try:
        return tomllib.loads(tree.text("pyproject.toml"))
    except tomllib.TOMLDecodeError as error:
        raise errors.unreadable_file("pyproject.toml", str(error)) from None


def _project_tables(tree: Tree) -> dict[str, Any]:
    """Return the tables that make a pyproject.toml an app's, not only a linter's."""
    pyproject = _pyproject(tree)
    tables = {
        "project": pyproject.get("project"),
        "poetry": pyproject.get("tool", {}).get("poetry"),
    }
    return {name: table for name, table in tables.items() if table}
