"""What is in a pushed commit, looked at before anything is done with it."""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dulwich.objects import Commit, ObjectID
from dulwich.repo import Repo

from empire.events import Warning  # noqa: A004 - the word people know from git
from empire.manifest import Source
from empire.names import AppName, Sha
from empire.settings import Settings
from gitserver import errors, git

MIB = 1024 * 1024
LINK_HOPS = 40  # as many as Linux follows
EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"


@dataclass(frozen=True, slots=True)
class Listing:
    """The paths of a tree (folders too), its files' sizes, its links and its submodules."""

    paths: list[str]
    files: int
    total_bytes: int
    links: dict[str, Sha]
    submodules: list[str]


def open_commit(app: AppName, git_dir: Path, commit: Sha, ref: str) -> Source:
    """Return the source of the commit; raises when the id names something else or nothing."""
    with Repo(str(git_dir)) as repo:
        try:
            found = repo.object_store[ObjectID(commit.encode())]
        except KeyError:
            raise errors.missing_object(f"{commit} is not in the pack") from None
        if not isinstance(found, Commit):
            raise errors.not_a_commit(ref)
        subject = found.message.decode("utf-8", "replace").strip().partition("\n")[0]
        return Source(app, commit, Sha(found.tree.decode()), git_dir, subject[:200])


def analyse(source: Source, settings: Settings) -> list[Warning]:
    """Refuse what cannot be built safely, and return what the person should know."""
    if source.tree == EMPTY_TREE:
        raise errors.empty_source()
    listing = _list(source)
    if listing.files > settings.source_max_files:
        raise errors.too_many_files(listing.files, settings.source_max_files)
    if listing.total_bytes > settings.source_max_mib * MIB:
        raise errors.too_large_source(listing.total_bytes // MIB, settings.source_max_mib)
    _refuse_case_clashes(listing.paths)
    _refuse_escaping_links(source, listing)
    return [errors.submodule(path) for path in listing.submodules]


def _list(source: Source) -> Listing:
    output = git.run(source.git_dir, "ls-tree", "-r", "-t", "-z", "-l", "--full-tree", source.tree)
    entries = output.decode("utf-8", "surrogateescape").split("\0")[:-1]
    split = [entry.split("\t", 1) for entry in entries]
    heads = [head.split() for head, _ in split]
    paths = [path for _, path in split]
    sizes = [head[3] for head in heads]
    links = {
        path: Sha(head[2]) for head, path in zip(heads, paths, strict=True) if head[0] == "120000"
    }
    modules = [path for head, path in zip(heads, paths, strict=True) if head[0] == "160000"]
    numbers = [int(size) for size in sizes if size != "-"]
    return Listing(paths, len(numbers), sum(numbers), links, modules)


def _refuse_case_clashes(paths: list[str]) -> None:
    folded = set(map(_folded, paths))
    if len(folded) == len(paths):
        return
    seen: dict[str, str] = {}
    for path in paths:
        other = seen.setdefault(_folded(path), path)
        if other != path:
            raise errors.case_clash(other, path)


def _folded(path: str) -> str:
    return path.lower() if path.isascii() else unicodedata.normalize("NFC", path).casefold()


def _refuse_escaping_links(source: Source, listing: Listing) -> None:
    targets = dict(_targets(source, listing.links))
    for path, target in targets.items():
        if not _stays(path, targets):
            raise errors.escaping_link(path, target)


def _targets(source: Source, links: dict[str, Sha]) -> Iterator[tuple[str, str]]:
    if not links:
        return
    with Repo(str(source.git_dir)) as repo:
        for path, sha in links.items():
            content = repo.object_store[ObjectID(sha.encode())].as_raw_string()
            yield path, content.decode("utf-8", "surrogateescape")


def _stays(link: str, targets: dict[str, str]) -> bool:
    """Tell whether the link stays in the tree, followed as a kernel would, link by link."""
    here: list[str] = []
    todo = link.split("/")[::-1]
    hops = 0
    while todo:
        part = todo.pop()
        if part in ("", "."):
            continue
        if part == "..":
            if not here:
                return False
            here.pop()
            continue
        here.append(part)
        target = targets.get("/".join(here))
        if target is None:
            continue
        hops += 1
        if target.startswith("/") or hops > LINK_HOPS:
            return False
        here.pop()
        todo.extend(target.split("/")[::-1])
    return True
