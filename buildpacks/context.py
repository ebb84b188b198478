"""The build context: a tar stream made from git's objects while it is sent; nothing on disk.

Not `git archive`: that obeys the app's .gitattributes (a file marked export-ignore would be missing
without a word), and would have to be taken apart again for .dockerignore.
"""

import posixpath
import tarfile
from collections.abc import Callable, Iterable, Iterator, Mapping

from buildpacks.tree import Entry, Tree, mode_of

BLOCK = 512
LFS = b"version https://git-lfs.github.com/spec/"
LFS_MAX_BYTES = 1024
LFS_USUAL_BYTES = range(120, 145)  # the spec's line, a SHA-256, a size


def stream(
    first: Mapping[str, bytes],
    tree: Tree,
    entries: Iterable[Entry],
    prefix: str = "",
    beside: Iterable[Entry] = (),
) -> Iterator[bytes]:
    """Yield a tar of our own files, then of the commit's below prefix, then of others.

    Files get the commit's time, so the same commit gives the same bytes. The first entry decides
    what the engine takes the body for: a plain file of ours, in GNU format, without PAX headers.
    """
    at = tree.committed_at()
    for path, content in first.items():
        yield _header(path, mode_of(content), len(content), at)
        yield from _padded([content], len(content))
    known: set[str] = set()
    files = [(prefix + entry.path, entry) for entry in entries if not entry.is_submodule]
    files += [(entry.path, entry) for entry in beside]
    contents = tree.stream(entry.oid for _, entry in files)
    for (path, entry), chunks in zip(files, contents, strict=True):
        yield from _folders(path, at, known)
        if entry.is_link:
            yield _header(path, entry.mode, 0, at, b"".join(chunks))
            continue
        yield _header(path, entry.mode, entry.size, at)
        yield from _padded(chunks, entry.size)
    yield bytes(2 * BLOCK)


def kept(tree: Tree, is_ignored: Callable[[str], bool]) -> list[Entry]:
    """Return the files that belong into the context."""
    return [entry for entry in tree.entries.values() if not is_ignored(entry.path)]


def lfs_pointers(tree: Tree) -> list[str]:
    """Return the files that are only pointers into Git LFS.

    Where .gitattributes does not speak of LFS, only files as long as pointers usually are get read.
    """
    attributes = [path for path in tree.entries if posixpath.basename(path) == ".gitattributes"]
    is_used = any("filter=lfs" in tree.text(path) for path in attributes)
    sizes = range(1, LFS_MAX_BYTES) if is_used else LFS_USUAL_BYTES
    small = [e for e in tree.entries.values() if e.size in sizes and not e.is_link]
    contents = tree.contents(small)
    return [e.path for e, text in zip(small, contents, strict=True) if text.startswith(LFS)]


def _folders(path: str, at: int, known: set[str]) -> Iterator[bytes]:
    """Yield the folders above the path that were not yet sent, so that their modes are ours."""
    parts = path.split("/")[:-1]
    for depth in range(1, len(parts) + 1):
        folder = "/".join(parts[:depth])
        if folder not in known:
            known.add(folder)
            yield _header(folder, 0o040755, 0, at)


def _header(path: str, mode: int, size: int, at: int, link: bytes = b"") -> bytes:
    about = tarfile.TarInfo(path)
    about.mtime = at
    about.size = size
    about.mode = 0o777 if link else mode & 0o777
    if mode & 0o170000 == 0o040000:
        about.type = tarfile.DIRTYPE
    elif mode == 0o120000:
        about.type, about.linkname = tarfile.SYMTYPE, link.decode("utf-8", "surrogateescape")
    return about.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape")


def _padded(chunks: Iterable[bytes], size: int) -> Iterator[bytes]:
    yield from chunks
    if size % BLOCK:
        yield bytes(BLOCK - size % BLOCK)
