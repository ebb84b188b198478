"""A source from a tar archive: its files become git objects in a quarantine, and nothing else.

Nothing is ever written by the names of the archive: git's fast-import takes contents by number and
puts names into a tree. What no tree of git can hold safely is refused.
"""

import gzip
import os
import subprocess
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, BinaryIO

from empire.actors import Actor
from empire.manifest import Source
from empire.names import AppName, Sha
from empire.settings import Settings
from gitserver import errors, git, source

MIB = 1024 * 1024
CHUNK = 256 * 1024
HEADER_BYTES = 2048
"""So much of an archive may a file take beside its content."""
REF = "refs/heads/source"
BROKEN = (tarfile.TarError, gzip.BadGzipFile, EOFError, zlib.error, RecursionError, ValueError)


@dataclass(frozen=True, slots=True)
class Found:
    """One file or link: git's mode and the mark of its content."""

    mode: str
    mark: int


def unpack(
    app: AppName, quarantine: Path, archive: Path, message: str, by: Actor, settings: Settings
) -> Source:
    """Return the archive's source, a commit by that person, in the quarantine.

    The same archive, message and person give the same commit. Raises InvalidInput, TooMuch.
    """
    with archive.open("rb") as packed:
        if packed.read(2) != b"\x1f\x8b":
            raise errors.not_an_archive("It is not compressed with gzip.")
        packed.seek(0)
        with _importing(quarantine) as pipe:
            reading = _Reading(pipe, settings)
            reading.read(packed)
            _write_commit(pipe, reading, message, by)
    commit = Sha(git.run(quarantine, "rev-parse", REF).decode().strip())
    unpacked = source.open_commit(app, quarantine, commit, REF)
    source.analyse(unpacked, settings)
    return unpacked


@dataclass(slots=True)
class _Reading:
    """What was read of an archive so far."""

    pipe: IO[bytes]
    settings: Settings
    files: dict[str, Found] = field(default_factory=dict)
    newest: int = 0
    marks: int = 0
    total_bytes: int = 0

    def read(self, packed: BinaryIO) -> None:
        """Send all contents to git and remember their names."""
        limit = self.settings.source_max_mib * MIB + self.settings.source_max_files * HEADER_BYTES
        plain = _Forward(gzip.GzipFile(fileobj=packed), limit, self.settings.source_max_mib)
        try:
            with tarfile.TarFile(
                fileobj=plain,  # type: ignore[arg-type] # all that reading forward asks for
                errorlevel=1,
                encoding="utf-8",
                errors="surrogateescape",
            ) as tar:
                for member in tar:
                    self._take(tar, member)
                    tar.members = []  # type: ignore[attr-defined] # it would keep all of them
        except BROKEN as error:
            raise errors.not_an_archive(str(error)[:200]) from None

    def rooted(self) -> dict[str, Found]:
        """Return the files by path, without the one folder that holds them all, if one does."""
        tops = {path.partition("/")[0] for path in self.files}
        if len(tops) != 1 or any("/" not in path for path in self.files):
            return self.files
        return {path.partition("/")[2]: found for path, found in self.files.items()}

    def _take(self, tar: tarfile.TarFile, member: tarfile.TarInfo) -> None:
        path = _path(member.name)
        if member.isdir() or _is_gits(path):
            return
        if not path:
            raise errors.dangerous_path(member.name)
        self.newest = max(self.newest, int(member.mtime))
        if member.isreg() and not member.issparse():
            content = tar.extractfile(member)
            assert content
            mode = "100755" if member.mode & 0o111 else "100644"
            self._keep(path, mode, member.size, content)
        elif member.issym():
            target = member.linkname.encode("utf-8", "surrogateescape")
            self._keep(path, "120000", len(target), target)
        elif member.islnk() and (known := self.files.get(_path(member.linkname))):
            self.files[path] = known
        else:
            raise errors.odd_entry(path)

    def _keep(self, path: str, mode: str, size: int, content: IO[bytes] | bytes) -> None:
        self.total_bytes += size
        self.marks += 1
        if self.marks > self.settings.source_max_files:
            raise errors.too_many_files(self.marks, self.settings.source_max_files)
        if self.total_bytes > self.settings.source_max_mib * MIB:
            raise errors.too_large_source(self.total_bytes // MIB, self.settings.source_max_mib)
        self.pipe.write(b"blob\nmark :%d\ndata %d\n" % (self.marks, size))
        left = size
        for chunk in [content] if isinstance(content, bytes) else iter(_chunks(content)):
            self.pipe.write(chunk)
            left -= len(chunk)
        if left:
            raise EOFError("the archive ends within a file")
        self.pipe.write(b"\n")
        self.files[path] = Found(mode, self.marks)


class _Forward:
    """The plain bytes of an archive, read once from start to end, up to a bound."""

    def __init__(self, plain: gzip.GzipFile, limit: int, limit_mib: int) -> None:
        self._plain = plain
        self._limit = limit
        self._limit_mib = limit_mib
        self._at = 0

    def tell(self) -> int:
        return self._at

    def seek(self, to: int) -> int:
        while self._at < to:
            if not self.read(min(to - self._at, CHUNK)):
                break
        return self._at

    def read(self, size: int) -> bytes:
        if size > MIB:  # only a header can ask for so much at once
            raise tarfile.TarError("a header is too long")
        content = self._plain.read(size)
        self._at += len(content)
        if self._at > self._limit:
            raise errors.too_large_source(self._at // MIB, self._limit_mib)
        return content


def _chunks(content: IO[bytes]) -> Iterator[bytes]:
    while chunk := content.read(CHUNK):
        yield chunk


def _path(name: str) -> str:
    """Return the path within the source; empty for one that leaves it."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    return "" if name.startswith("/") or ".." in parts or "\0" in name else "/".join(parts)


def _is_gits(path: str) -> bool:
    """Tell whether it belongs to a repository's own folder, which no tree of git can hold."""
    return ".git" in path.casefold().split("/")


def _write_commit(pipe: IO[bytes], reading: _Reading, message: str, by: Actor) -> None:
    files = reading.rooted()
    if not files:
        raise errors.empty_archive()
    for path in files:
        above = path
        while above := above.rpartition("/")[0]:
            if above in files:
                raise errors.two_in_one(above)
    name, email = ("".join(c for c in text if c not in "<>\n\0") for text in (by.name, by.email))
    text = message.encode("utf-8", "replace")
    who = f"{name} <{email}> {max(reading.newest, 0)} +0000".encode("utf-8", "replace")
    pipe.write(b"commit %s\nauthor %s\ncommitter %s\n" % (REF.encode(), who, who))
    pipe.write(b"data %d\n%s\n" % (len(text), text))
    for path, found in files.items():
        pipe.write(f"M {found.mode} :{found.mark} ".encode() + _quoted(path) + b"\n")
    pipe.write(b"done\n")


def _quoted(path: str) -> bytes:
    r"""Return the path as git reads it: in quotes, with \ooo for what is not plain."""
    plain = path.encode("utf-8", "surrogateescape")
    octal = b"".join(
        bytes([byte]) if byte >= 0x20 and byte not in b'"\\\x7f' else b"\\%03o" % byte
        for byte in plain
    )
    return b'"' + octal + b'"'


@contextmanager
def _importing(quarantine: Path) -> Iterator[IO[bytes]]:
    """Yield what git reads objects from; they are in the quarantine when the block ends."""
    process = subprocess.Popen(
        git.command(
            quarantine, "-c", "fastimport.unpackLimit=0", "fast-import", "--quiet", "--done"
        ),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=git.environment(),
    )
    assert process.stdin
    assert process.stderr
    try:
        yield process.stdin
        process.stdin.close()
    except BrokenPipeError:  # git says why
        with suppress(BrokenPipeError):
            process.stdin.close()
    except BaseException:
        process.kill()
        process.communicate()
        raise
    complaints = process.stderr.read()
    process.stderr.close()
    if process.wait():
        words = complaints.decode("utf-8", "replace").strip().partition("\n")[0]
        if os.strerror(28) in words:
            raise errors.disk_full()
        raise errors.not_an_archive(words.removeprefix("fatal: "))
