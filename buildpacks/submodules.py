"""Submodules: a push names their commits, and their files are fetched from where .gitmodules says."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace

from buildpacks import repository_errors as errors
from buildpacks.detect import detect
from buildpacks.git_address import Address, parsed
from buildpacks.git_fetch import Fetches
from buildpacks.objects import ENVIRONMENT
from buildpacks.order import left_out
from buildpacks.plan import Plan
from buildpacks.roots import Roots
from buildpacks.stack_facts import Stack
from buildpacks.tree import Tree
from empire.errors import BuildFailed, EmpireError, InvalidInput
from empire.events import Line, Stream
from empire.manifest import Source
from empire.names import Sha
from empire.settings import Settings

FILE = ".gitmodules"
MOST, DEEPEST = 64, 4
SECONDS = 120


@dataclass(frozen=True, slots=True)
class Module:
    """A submodule: where it lies in the tree, which commit it is, what .gitmodules says of it."""

    path: str
    commit: str
    url: str
    depth: int = 1


def merged(
    source: Source, roots: Roots, settings: Settings, fetches: Fetches, opened: ExitStack
) -> Stream[Source]:
    """Return the source with the submodules' files in their places, for as long as `opened` is.

    Those stay empty that the build does not see. Raises BuildFailed with the submodule's name.
    """
    wanted = _wanted(source, roots)
    if not wanted:
        return source
    found: list[tuple[Module, str]] = []
    for module in wanted:  # which grows while it is gone through
        if module.depth > DEEPEST or len(found) == MOST:
            raise errors.too_many_submodules(module.path, MOST, DEEPEST)
        tree, address = _fetched(module, settings, fetches)
        yield Line(f"Submodule {module.path}: {address.url} at {module.commit[:12]}")
        found.append((module, tree))
        inner = replace(source, git_dir=fetches.git_dir, tree=Sha(tree))
        wanted += [
            replace(one, path=f"{module.path}/{one.path}", depth=module.depth + 1)
            for one in _modules(inner)
        ]
    beside = opened.enter_context(fetches.beside(source))
    whole = replace(beside, tree=Sha(_joined(beside, found)))
    _measure(whole, settings)
    return whole


def _wanted(source: Source, roots: Roots) -> list[Module]:
    modules = list(_modules(source))
    if not modules:
        return []
    folder, is_left_out = _seen(source, roots)
    below = f"{folder}/" if folder else ""
    return [
        module
        for module in modules
        if module.path.startswith(below) and not is_left_out(module.path.removeprefix(below))
    ]


def _seen(source: Source, roots: Roots) -> tuple[str, Callable[[str], bool]]:
    """Return which folder the build sees, and what tells of a path in it that it does not."""
    with Tree(source, roots.app) as app:
        try:
            plan = detect(app).plan(app, Stack.usual())
        except EmpireError:  # said when all files are there
            plan = Plan("", {})
    folder = roots.context_of(plan)
    with Tree(source, folder) as tree:
        return folder, left_out(tree, roots.seen(plan))


def _modules(source: Source) -> Iterator[Module]:
    with Tree(source) as tree:
        links = [entry for entry in tree.entries.values() if entry.is_submodule]
        file = tree.entries.get(FILE)
    urls = _urls(source, file.oid) if links and file and not file.is_link else {}
    for link in links:
        yield Module(link.path, link.oid, urls.get(link.path, ""))


def _urls(source: Source, blob: str) -> dict[str, str]:
    """Return the URLs of a .gitmodules by path; nothing of one that git cannot read."""
    listing = subprocess.run(
        ["git", f"--git-dir={source.git_dir}", "config", f"--blob={blob}", "-z", "--list"],
        capture_output=True,
        env=ENVIRONMENT,
        timeout=SECONDS,
        check=False,
    )
    values: dict[str, dict[str, str]] = {}
    for row in listing.stdout.decode("utf-8", "surrogateescape").split("\0")[:-1]:
        key, _, value = row.partition("\n")
        section, _, name = key.rpartition(".")
        values.setdefault(section, {})[name] = value
    return {about["path"]: about.get("url", "") for about in values.values() if "path" in about}


def _fetched(module: Module, settings: Settings, fetches: Fetches) -> tuple[str, Address]:
    """Return the id of the submodule's tree and where it came from."""
    if not module.url:
        why = f"{FILE} does not name its repository."
        raise errors.submodule(module.path, "", module.commit, why)
    try:
        address = parsed(module.url, settings.build_git_hosts)
    except InvalidInput as error:
        why = f"{error.what}\n{error.why}"
        raise errors.submodule(module.path, "", module.commit, why) from None
    try:
        commit = fetches.commit(replace(address, ref=""), module.commit)
    except BuildFailed as error:
        raise errors.submodule(module.path, address.url, module.commit, error.why) from None
    inner = ["git", f"--git-dir={fetches.git_dir}", "rev-parse", f"{commit}^{{tree}}"]
    done = subprocess.run(inner, capture_output=True, env=ENVIRONMENT, timeout=SECONDS, check=True)
    return done.stdout.decode().strip(), address


def _joined(source: Source, found: list[tuple[Module, str]]) -> str:
    """Return the id of the tree that has the modules' trees in their places, the outer ones first."""
    _git(source, "read-tree", source.tree)
    for module, tree in found:
        gone = f"0 {'0' * 40}\t{module.path}\0".encode("utf-8", "surrogateescape")
        _git(source, "update-index", "-z", "--index-info", given=gone)
        try:
            _git(source, "read-tree", "-i", f"--prefix={module.path}/", tree)
        except subprocess.CalledProcessError as error:
            said = error.stderr.decode("utf-8", "replace").splitlines()
            raise errors.unreadable_tree(module.path, said) from None
    return _git(source, "write-tree")


def _git(source: Source, *words: str, given: bytes = b"") -> str:
    done = subprocess.run(
        ["git", f"--git-dir={source.git_dir}", *words],
        input=given,
        capture_output=True,
        env={**ENVIRONMENT, "GIT_INDEX_FILE": str(source.git_dir / "joined.index")},
        timeout=SECONDS,
        check=True,
    )
    return done.stdout.decode().strip()


def _measure(source: Source, settings: Settings) -> None:
    """Refuse what would be refused of a push with all these files."""
    with Tree(source) as tree:
        files, size = len(tree.entries), sum(entry.size for entry in tree.entries.values()) >> 20
    if files > settings.source_max_files or size > settings.source_max_mib:
        raise errors.submodules_too_large(
            files, size, settings.source_max_files, settings.source_max_mib
        )
