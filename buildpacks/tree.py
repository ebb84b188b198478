"""The files of one commit, read from git's objects; nothing is ever checked out."""

import subprocess
from collections.abc import Callable, Iterable, Iterator
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from buildpacks import errors
from buildpacks.objects import ENVIRONMENT, Objects
from empire.manifest import Source


@dataclass(frozen=True, slots=True)
class Entry:
    """One file: git's mode, object id and size in bytes (0 for a submodule)."""

    path: str
    mode: int
    oid: str
    size: int

    @property
    def is_link(self) -> bool:
        """Tell whether it is a symbolic link; its content is the target."""
        return self.mode == 0o120000

    @property
    def is_submodule(self) -> bool:
        """Tell whether it only names a commit of another repository."""
        return self.mode == 0o160000


class Tree:
    """A commit's files by path. Use it in a `with`; it keeps one git process to read them.

    Of a folder of the commit, `root`, the paths start there. Raises InvalidInput if there is none.
    """

    def __init__(self, source: Source, root: str = "") -> None:
        self._git = ["git", f"--git-dir={source.git_dir}"]
        self.commit = source.commit
        self.entries = {entry.path: entry for entry in self._list(source.tree, root)}
        self.git_dir = source.git_dir
        self._objects = Objects(source.git_dir)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._objects.close()

    def __contains__(self, path: str) -> bool:
        return path in self.entries

    def has_folder(self, path: str) -> bool:
        """Tell whether any file lies in the folder."""
        return any(name.startswith(f"{path}/") for name in self.entries)

    def without(self, is_left_out: Callable[[str], bool]) -> Self:
        """Return the same commit less these files; it can be read as long as this one."""
        less = copy(self)
        less.entries = {path: one for path, one in self.entries.items() if not is_left_out(path)}
        return less

    def read(self, path: str) -> bytes:
        """Return the file's content, through symbolic links inside the tree."""
        entry = self.entries[path]
        for _ in range(8):
            (content,) = self.contents([entry])
            target = _beside(entry.path, content.decode()) if entry.is_link else ""
            if target not in self.entries:
                return content
            entry = self.entries[target]
        raise errors.link_loop(path)

    def text(self, path: str) -> str:
        """Return the file's content as text; what is not UTF-8 becomes a replacement character."""
        return self.read(path).decode("utf-8-sig", "replace")

    def contents(self, entries: Iterable[Entry]) -> Iterator[bytes]:
        """Yield the content of each, in order."""
        return (b"".join(chunks) for chunks in self.stream(entry.oid for entry in entries))

    def stream(self, oids: Iterable[str]) -> Iterator[Iterator[bytes]]:
        """Yield each object's content as an iterator of chunks, to be used up before the next."""
        return self._objects.stream(oids)

    def committed_at(self) -> int:
        """Return the commit's time in seconds since the epoch."""
        (chunks,) = self.stream([self.commit])
        for line in b"".join(chunks).splitlines():
            if line.startswith(b"committer "):
                return max(0, int(line.split()[-2]))
        raise errors.unreadable_objects(self.commit)

    def _list(self, tree: str, root: str) -> Iterator[Entry]:
        listing = subprocess.run(
            [*self._git, "ls-tree", "-r", "-z", "-l", "--full-tree", f"{tree}:{root}"],
            capture_output=True,
            env=ENVIRONMENT,
            timeout=120,
            check=False,
        )
        if listing.returncode and root:
            raise errors.wrong_root("APP_ROOT", root, "This commit has no such folder.")
        if listing.returncode:
            raise errors.unreadable_objects(tree)
        for row in listing.stdout.split(b"\0")[:-1]:
            about, _, path = row.partition(b"\t")
            mode, _, oid, size = about.split()
            if size == b"BAD":
                raise errors.unreadable_objects(path.decode("utf-8", "replace"))
            yield Entry(
                path.decode("utf-8", "surrogateescape"),
                int(mode, 8),
                oid.decode(),
                0 if size == b"-" else int(size),
            )


def mode_of(content: bytes) -> int:
    """Return git's mode for a file of ours: those that name their interpreter are programs."""
    return 0o100755 if content.startswith(b"#!") else 0o100644


def _beside(path: str, target: str) -> str:
    """Return the tree's path that a link's target names; empty when it leaves the tree."""
    parts: list[str] = list(Path(path).parent.parts)
    for part in target.split("/"):
        if part == ".." and not parts:
            return ""
        if part == "..":
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    return "" if target.startswith("/") else "/".join(parts)
