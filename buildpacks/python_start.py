"""How a Python app without a Procfile is started, and why so."""

import re
from dataclasses import dataclass

from buildpacks import errors
from buildpacks.tree import Tree

MODULES = ("app", "main", "wsgi", "asgi", "server", "application", "api", "src/main", "app/main")
LONE = ("app.py", "main.py", "server.py")
BIND = "0.0.0.0:$PORT"


@dataclass(frozen=True, slots=True)
class Start:
    """A command for web, the reason it was chosen, and what is not ideal about it."""

    command: str
    because: str
    warnings: tuple[str, ...] = ()


def guess(tree: Tree, dependencies: frozenset[str]) -> Start:
    """Return the command; raises BuildFailed that says what to add when nothing is known."""
    found = (
        _django(tree, dependencies)
        or _asgi(tree, dependencies)
        or _flask(tree, dependencies)
        or _lone(tree)
    )
    if found:
        return found
    raise errors.no_web_command(
        "There is no Procfile and no app.py, main.py or framework that is known.",
        "Add a Procfile with a line such as: web: gunicorn app:app",
    )


def _django(tree: Tree, dependencies: frozenset[str]) -> Start | None:
    if "manage.py" not in tree:
        return None
    found = re.search(r"DJANGO_SETTINGS_MODULE\W+([\w.]+)", tree.text("manage.py"))
    project = found[1].split(".")[0] if found else ""
    if "gunicorn" in dependencies and f"{project}/wsgi.py" in tree:
        return Start(f"gunicorn {project}.wsgi --bind {BIND}", "Django with gunicorn")
    return Start(
        f"python manage.py runserver --noreload {BIND}",
        "Django",
        ("Django's development server is not made for traffic: add gunicorn to the dependencies.",),
    )


def _asgi(tree: Tree, dependencies: frozenset[str]) -> Start | None:
    found = _module_with(tree, "FastAPI|Starlette|Quart|Litestar")
    if not found:
        return None
    kind, module, name = found
    if not dependencies & {"uvicorn", "fastapi-cli"} and not _has_standard_extra(tree):
        raise errors.no_web_command(
            f"{module.replace('.', '/')}.py has a {kind} app, and no server for it is installed.",
            "Add uvicorn to the dependencies, or a Procfile that starts another server.",
        )
    return Start(f"uvicorn {module}:{name} --host 0.0.0.0 --port $PORT", f"{kind} with uvicorn")


def _has_standard_extra(tree: Tree) -> bool:
    files = [name for name in ("requirements.txt", "pyproject.toml") if name in tree]
    return any(re.search(r"fastapi\[[^]]*(standard|all)", tree.text(name)) for name in files)


def _flask(tree: Tree, dependencies: frozenset[str]) -> Start | None:
    found = _module_with(tree, "Flask")
    if not found:
        return None
    _, module, name = found
    if "gunicorn" in dependencies:
        return Start(f"gunicorn {module}:{name} --bind {BIND}", "Flask with gunicorn")
    return Start(
        f"flask --app {module}:{name} run --host 0.0.0.0 --port $PORT",
        "Flask",
        ("Flask's development server is not made for traffic: add gunicorn to the dependencies.",),
    )


def _lone(tree: Tree) -> Start | None:
    for name in LONE:
        if name in tree:
            return Start(f"python {name}", f"{name} is the only start there is")
    return None


def _module_with(tree: Tree, kinds: str) -> tuple[str, str, str] | None:
    """Return kind, module and variable of the first module that makes such an app."""
    pattern = re.compile(rf"^(\w+)(?:\s*:[^=\n]+)?\s*=\s*(?:\w+\.)?({kinds})\(", re.MULTILINE)
    for module in MODULES:
        path = f"{module}.py"
        if path in tree and (found := pattern.search(tree.text(path))):
            return found[2], module.replace("/", "."), found[1]
    return None
