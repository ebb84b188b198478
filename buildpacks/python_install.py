"""How a Python app's dependencies are installed: the build stage's steps, by the files it has."""

import posixpath
import re
from typing import Any

from buildpacks import apt, errors
from buildpacks.plan import Cache, Copy, Run, Step
from buildpacks.tree import Tree

VENV = "/app/.venv"
CACHE = Cache("uv", "/root/.cache/uv")
INSTALL_UV = Run(
    "python3 -m venv /opt/uv && /opt/uv/bin/pip install --quiet --no-cache-dir 'uv>=0.9,<1'",
    fetches=True,
)
INSTALL_GIT = apt.install("git")
POETRY, PIPENV = "poetry --with poetry-plugin-export", "pipenv"
TITLES = {POETRY: "Poetry", PIPENV: "Pipenv"}
LOCKS = ("uv.lock", "poetry.lock", "Pipfile.lock")
EXPORTED = "/tmp/requirements.txt"  # noqa: S108 - in the build stage, where nobody else is
# uv takes Python from the base image alone, copies out of its cache (it is another filesystem),
# and compiles once here so that no dyno has to at its start.
BUILD_ENV = {
    "PATH": "/opt/uv/bin:$PATH",
    "UV_COMPILE_BYTECODE": "1",
    "UV_LINK_MODE": "copy",
    "UV_NO_PROGRESS": "1",
    "UV_PYTHON_DOWNLOADS": "never",
    "VIRTUAL_ENV": VENV,
}
NEW_VENV = f"uv venv --quiet --python python3 {VENV}"
SYNC = "uv sync --locked --no-dev --python python3"
REQUIREMENT = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)")
INCLUDE = re.compile(r"\s*(?:-r|-c|--requirement|--constraint)[\s=]*([^\s#]+)")
EDITABLE_CLONE = re.compile(r"\s*(?:-e|--editable)[\s=]*(?:git|hg|svn|bzr)\+")
LOCAL = re.compile(r"\s*(?:(?:-e|--editable)[\s=]*)?(?:\.|file:)")


def install(tree: Tree, pyproject: dict[str, Any]) -> tuple[tuple[Step, ...], str]:
    """Return the steps and a line for the log; raises BuildFailed for what cannot be installed."""
    steps, how = _chosen(tree, pyproject)
    return steps, f"Dependencies: {how}"


def tools(tree: Tree, pyproject: dict[str, Any]) -> tuple[Run, ...]:
    """Return what has to be there before the dependencies."""
    _, how = _chosen(tree, pyproject)
    others = [_tool(name) for name in (POETRY, PIPENV) if how.startswith(TITLES[name])]
    return (INSTALL_UV, *([INSTALL_GIT] if _needs_git(tree) else []), *others)


def dependencies(tree: Tree, pyproject: dict[str, Any]) -> frozenset[str]:
    """Return the normalized names of the packages that will be installed, as far as files tell."""
    lines = [str(line) for line in pyproject.get("project", {}).get("dependencies", [])]
    lines += pyproject.get("tool", {}).get("poetry", {}).get("dependencies", {})
    for lock in ("uv.lock", "poetry.lock"):
        if lock in tree:
            lines += re.findall(r'^name = "([^"]+)"', tree.text(lock), re.MULTILINE)
    for lock in ("Pipfile", "Pipfile.lock"):
        if lock in tree:
            lines += re.findall(r'^\s*"?([\w.-]+)"? *[=:]', tree.text(lock), re.MULTILINE)
    lines += _requirements(tree)
    names = (REQUIREMENT.match(line) for line in lines)
    return frozenset(re.sub(r"[-_.]+", "-", found[1]).lower() for found in names if found)


def ignored(tree: Tree, pyproject: dict[str, Any]) -> tuple[str, ...]:
    """Return warnings of lock files that are not used because another file comes before them."""
    _, how = _chosen(tree, pyproject)
    others = [name for name in LOCKS if name in tree and name not in how]
    return tuple(f"{name} is not used: {how.split()[0]} comes before it." for name in others)


def _chosen(tree: Tree, pyproject: dict[str, Any]) -> tuple[tuple[Step, ...], str]:
    """Return the steps of the first way that the app has files for, and its name."""
    if "uv.lock" in tree and pyproject:
        return _from_lock(pyproject), "uv.lock"
    if "requirements.txt" in tree:
        steps = _from_requirements(tree)
        return steps, "requirements.txt" if steps else "none in requirements.txt"
    if "poetry.lock" in tree or "poetry" in pyproject.get("tool", {}):
        return _from_poetry(tree, pyproject)
    if "Pipfile" in tree or "Pipfile.lock" in tree:
        return _from_pipenv(tree)
    if "project" in pyproject:
        return _from_project(pyproject), "pyproject.toml (no lock file: not pinned)"
    if "setup.py" in tree:
        return (*_whole(), _uv(f"{NEW_VENV} && uv pip install --editable .")), "setup.py"
    return (), "none"


def _from_lock(pyproject: dict[str, Any]) -> tuple[Step, ...]:
    if _is_whole(pyproject):
        return (Copy((".",), "/app/"), _uv(SYNC))
    files = Copy(("pyproject.toml", "uv.lock"), "/app/")
    return (files, _uv(f"{SYNC} --no-install-project"))


def _from_requirements(tree: Tree) -> tuple[Step, ...]:
    lines = _requirements(tree)
    if all(INCLUDE.match(line) for line in lines):
        return ()
    is_local = any(LOCAL.match(line) for line in lines)
    copies: tuple[Step, ...] = (Copy((".",), "/app/"),)
    if not is_local:
        copies = tuple(_copy(path) for path in _included(tree, "requirements.txt"))
    if any(EDITABLE_CLONE.match(line) for line in lines):
        # uv has no editable installations from a repository; pip clones it below the venv.
        pip = f"{VENV}/bin/python -m pip install --quiet --src {VENV}/src -r requirements.txt"
        return (*copies, _uv(f"{NEW_VENV} --seed && {pip}"))
    return (*copies, _uv(f"{NEW_VENV} && uv pip install -r requirements.txt"))


def _from_poetry(tree: Tree, pyproject: dict[str, Any]) -> tuple[tuple[Step, ...], str]:
    poetry = pyproject.get("tool", {}).get("poetry", {})
    has_lock = "poetry.lock" in tree
    lock = "" if has_lock else "poetry lock --no-interaction --no-ansi && "
    command = (
        f"{lock}poetry export --no-interaction --no-ansi --output {EXPORTED} && "
        f"{NEW_VENV} && uv pip install -r {EXPORTED}"
    )
    how = "Poetry (poetry.lock)" if has_lock else "Poetry (no poetry.lock: not pinned)"
    is_package = poetry.get("package-mode", True) and tree.has_folder("src")
    if is_package:
        return (*_whole(), _uv(f"{command} && uv pip install --no-deps --editable .")), how
    files = ("pyproject.toml", "poetry.lock") if has_lock else ("pyproject.toml",)
    return (Copy(files, "/app/"), _uv(command)), how


def _from_pipenv(tree: Tree) -> tuple[tuple[Step, ...], str]:
    has_lock = "Pipfile.lock" in tree
    files = tuple(name for name in ("Pipfile", "Pipfile.lock") if name in tree)
    lock = "" if has_lock else "env -u VIRTUAL_ENV pipenv lock --quiet && "
    how = "Pipenv (Pipfile.lock)" if has_lock else "Pipenv (no Pipfile.lock: not pinned)"
    command = (
        f"{lock}env -u VIRTUAL_ENV pipenv requirements --hash > {EXPORTED} && "
        f"{NEW_VENV} && uv pip install -r {EXPORTED}"
    )
    return (Copy(files, "/app/"), _uv(command)), how


def _from_project(pyproject: dict[str, Any]) -> tuple[Step, ...]:
    if _is_whole(pyproject):
        return (
            Copy((".",), "/app/"),
            _uv(f"{NEW_VENV} && uv pip install --editable ."),
        )
    return (
        Copy(("pyproject.toml",), "/app/"),
        _uv(f"{NEW_VENV} && uv pip install -r pyproject.toml"),
    )


def _is_whole(pyproject: dict[str, Any]) -> bool:
    """Tell whether the project is itself a package, so that installing it needs all its files."""
    tool = pyproject.get("tool", {}).get("uv", {})
    return "build-system" in pyproject or "workspace" in tool or "sources" in tool


def _whole() -> tuple[Step, ...]:
    return (Copy((".",), "/app/"),)


def _tool(name: str) -> Run:
    return Run(f"UV_TOOL_BIN_DIR=/opt/uv/bin uv tool install --quiet {name}", True, (CACHE,))


def _uv(command: str) -> Run:
    return Run(command, fetches=True, caches=(CACHE,))


def _copy(path: str) -> Copy:
    folder = posixpath.dirname(path)
    return Copy((path,), f"/app/{folder}/" if folder else "/app/")


def _requirements(tree: Tree) -> list[str]:
    """Return the lines of requirements.txt and of what it includes, without comments."""
    if "requirements.txt" not in tree:
        return []
    files = map(tree.text, _included(tree, "requirements.txt"))
    lines = (line.strip() for text in files for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def _included(tree: Tree, path: str, named_by: str = "") -> tuple[str, ...]:
    """Return the requirements file and all that it includes, each once."""
    found: dict[str, None] = {}
    waiting = [(path, named_by)]
    while waiting:
        path, named_by = waiting.pop()
        if path in found:
            continue
        if path not in tree:
            raise errors.missing_file(path, named_by)
        found[path] = None
        for line in tree.text(path).splitlines():
            if (match := INCLUDE.match(line)) and "://" not in match[1]:
                included = posixpath.normpath(posixpath.join(posixpath.dirname(path), match[1]))
                waiting.append((included, path))
    return tuple(found)


def _needs_git(tree: Tree) -> bool:
    texts = [
        tree.text(name)
        for name in ("uv.lock", "poetry.lock", "Pipfile.lock", "pyproject.toml")
        if name in tree
    ]
    texts += _requirements(tree)
    return any(
        "git+" in text or re.search(r"\bgit\"?\s*[=:] *\"|type = \"git\"", text) for text in texts
    )
