import gzip
import io
import lzma
import tarfile
from collections.abc import Callable

import pytest

from buildpacks.debian import rootfs
from empire.errors import InternalError


def entry(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    info.uname, info.gname = "builder", "builder"
    return info


def deb(
    *entries: tarfile.TarInfo,
    compress: Callable[[bytes], bytes] = lzma.compress,
    suffix: str = ".xz",
) -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for info in entries:
            content = info.name.encode() if info.isreg() else b""
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return ar(
        ("debian-binary", b"2.0\n"),
        ("odd", b"odd"),
        (f"data.tar{suffix}", compress(data.getvalue())),
    )


def ar(*members: tuple[str, bytes]) -> bytes:
    parts = [b"!<arch>\n"]
    for name, content in members:
        header = f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(content):<10}`\n"
        parts += [header.encode(), content, b"\n" * (len(content) % 2)]
    return b"".join(parts)


def written(**packages: bytes) -> dict[str, tarfile.TarInfo]:
    target = io.BytesIO()
    rootfs.write(target, packages, {"later": b"LATER"}, {"etc/one": b"1"})
    target.seek(0)
    with tarfile.open(fileobj=target) as tar:
        return {info.name: info for info in tar}


def test_files_land_in_a_merged_usr() -> None:
    tree = written(
        old=deb(
            entry("./", tarfile.DIRTYPE),
            entry("./bin/", tarfile.DIRTYPE),
            entry("./bin/sh"),
            entry("./lib/x86/libc.so"),
            entry("./bin/dash", tarfile.LNKTYPE, "./bin/sh"),
            entry("./usr/bin/link", tarfile.SYMTYPE, "../x"),
        )
    )
    assert {"usr/bin/sh", "usr/lib/x86/libc.so", "usr/bin/link"} < tree.keys()
    assert tree["bin"].linkname == "usr/bin"
    assert tree["usr/bin/dash"].linkname == "usr/bin/sh"
    assert tree["usr/bin/sh"].uname == ""


def test_folders_come_once_and_documentation_never() -> None:
    folder = entry("./usr/", tarfile.DIRTYPE)
    target = io.BytesIO()
    rootfs.write(
        target,
        {"a": deb(folder, entry("./usr/share/man/man1/a.1")), "b": deb(folder, entry("./usr/b"))},
        {},
        {},
    )
    target.seek(0)
    with tarfile.open(fileobj=target) as tar:
        names = tar.getnames()
    assert names.count("usr") == 1
    assert not [name for name in names if "man1" in name]


def test_every_package_and_the_configuration_come_along() -> None:
    tree = written(base=deb(entry("./etc/x")))
    assert {"var/cache/empire-stack/base.deb", "var/cache/empire-stack/later.deb"} < tree.keys()
    assert tree["etc/one"].size == 1


@pytest.mark.parametrize(
    ("compress", "suffix"), [(gzip.compress, ".gz"), (bytes, ""), (lzma.compress, ".xz")]
)
def test_old_and_new_compressions_are_read(compress: Callable[[bytes], bytes], suffix: str) -> None:
    assert "etc/x" in written(one=deb(entry("./etc/x"), compress=compress, suffix=suffix))


@pytest.mark.parametrize("broken", [b"not a package", ar(("data.tar.lzo", b""))])
def test_what_is_not_a_package_is_named(broken: bytes) -> None:
    with pytest.raises(InternalError, match="hello cannot be unpacked"):
        written(hello=broken)
