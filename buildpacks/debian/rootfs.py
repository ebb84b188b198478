"""The first stage of a root file system: enough of it that dpkg runs and can install the rest."""

import io
import lzma
import tarfile
import zlib
from collections.abc import Iterator
from typing import IO

from buildpacks.debian import errors

MERGED = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
LEFT_OUT = (
    "usr/share/doc/",
    "usr/share/info/",
    "usr/share/man/",
    "usr/share/locale/",
    "usr/share/lintian/",
    "usr/share/groff/",
)
PACKAGES = "var/cache/empire-stack"
AR_MAGIC = b"!<arch>\n"
AR_HEADER = 60


def write(
    target: IO[bytes],
    first: dict[str, bytes],
    others: dict[str, bytes],
    configuration: dict[str, bytes],
) -> None:
    """Write a tar: the first packages unpacked, the configuration's files by their paths.

    The files of all packages lie in PACKAGES, each by its package's name.
    """
    with tarfile.open(fileobj=target, mode="w", format=tarfile.GNU_FORMAT) as tar:
        _link_merged_folders(tar)
        folders: set[str] = set()
        for name, deb in first.items():
            for member, content in members(name, deb):
                if not (member.isdir() and member.name in folders):
                    tar.addfile(member, content)
                folders.add(member.name)
        packages = {f"{PACKAGES}/{name}.deb": deb for name, deb in (first | others).items()}
        for path, whole in (configuration | packages).items():
            entry = tarfile.TarInfo(path)
            entry.size = len(whole)
            tar.addfile(entry, io.BytesIO(whole))


def _link_merged_folders(tar: tarfile.TarFile) -> None:
    """Make the links of a merged /usr first, so that old packages with files in /bin land right."""
    for name in ("bin", "sbin", "lib", "lib64"):
        link = tarfile.TarInfo(name)
        link.type, link.linkname, link.mode = tarfile.SYMTYPE, f"usr/{name}", 0o777
        tar.addfile(link)


def members(name: str, deb: bytes) -> Iterator[tuple[tarfile.TarInfo, IO[bytes] | None]]:
    """Yield what a package installs, with paths as they are on a merged /usr."""
    with tarfile.open(fileobj=io.BytesIO(_data(name, deb))) as tar:
        for member in tar:
            member.name = member.name.removeprefix("./").rstrip("/")
            if member.name in {"", ".", *MERGED} or member.name.startswith(LEFT_OUT):
                continue
            member.name = _merged(member.name)
            if member.islnk():
                member.linkname = _merged(member.linkname.removeprefix("./"))
            member.uname = member.gname = ""
            member.pax_headers = {}
            yield member, tar.extractfile(member) if member.isreg() else None


def _merged(path: str) -> str:
    return f"usr/{path}" if path.split("/", 1)[0] in MERGED else path


def _data(name: str, deb: bytes) -> bytes:
    """Return the tar of a package's files; a package is an ar archive (deb(5))."""
    for entry, content in _ar(name, deb):
        if entry == "data.tar":
            return content
        if entry == "data.tar.xz":
            return lzma.decompress(content)
        if entry == "data.tar.gz":
            return zlib.decompress(content, wbits=31)
    raise errors.bad_deb(name, "It has no data member in a compression that is known.")


def _ar(name: str, archive: bytes) -> Iterator[tuple[str, bytes]]:
    if not archive.startswith(AR_MAGIC):
        raise errors.bad_deb(name, "It is not an ar archive.")
    at = len(AR_MAGIC)
    while at + AR_HEADER <= len(archive):
        header = archive[at : at + AR_HEADER]
        size = int(header[48:58])
        at += AR_HEADER
        yield header[:16].decode().strip().rstrip("/"), archive[at : at + size]
        at += size + size % 2
