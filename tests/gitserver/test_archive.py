"""Archives as people send them, and as nobody should."""

import gzip
import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from empire.actors import Actor
from empire.errors import EmpireError, InvalidInput, TooMuch
from empire.manifest import Source
from empire.names import AppName
from empire.settings import Settings
from gitserver import archive, git
from gitserver.repositories import Repositories

APP = AppName("hello")
ANN = Actor(user_id="1", name="Ann <x>", email="ann@example.com", via="test")
Change = Callable[[tarfile.TarInfo], None]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path, source_max_files=20, source_max_mib=1)


def entry(
    name: str, kind: bytes = tarfile.REGTYPE, link: str = "", mode: int = 0o644
) -> tarfile.TarInfo:
    found = tarfile.TarInfo(name)
    found.type, found.linkname, found.mode, found.mtime = kind, link, mode, 1_700_000_000
    return found


def packed(folder: Path, *entries: tuple[tarfile.TarInfo, bytes]) -> Path:
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as tar:
        for head, content in entries:
            head.size = len(content)
            tar.addfile(head, io.BytesIO(content))
    return written(folder, plain.getvalue())


def written(folder: Path, plain: bytes) -> Path:
    file = folder / "source.tar.gz"
    file.write_bytes(gzip.compress(plain))
    return file


def unpacked(settings: Settings, file: Path) -> Source:
    return Repositories(settings).unpack(APP, file, "v7: seven", ANN)


def listed(source: Source) -> list[str]:
    shown = git.run(source.git_dir, "ls-tree", "-r", "-z", source.commit).decode("utf-8", "replace")
    return [f"{row.split()[0]} {row.partition(chr(9))[2]}" for row in shown.split("\0") if row]


def content(source: Source, path: str) -> bytes:
    return git.run(source.git_dir, "cat-file", "blob", f"{source.commit}:{path}")


def test_files_links_and_modes_come_as_they_are(settings: Settings, tmp_path: Path) -> None:
    file = packed(
        tmp_path,
        (entry("./", tarfile.DIRTYPE), b""),
        (entry("./app.py"), b"print(1)\n"),
        (entry("./bin/run", mode=0o755), b""),
        (entry('./sp\u00e4t\n"x"\\', mode=0o4644), b"odd"),
        (entry("./link", tarfile.SYMTYPE, "bin/run"), b""),
        (entry("./hard", tarfile.LNKTYPE, "./app.py"), b""),
        (entry("./.git/config"), b"[core]\n"),
        (entry("./app.py"), b"print(2)\n"),
    )  # fmt: skip

    source = unpacked(settings, file)

    assert listed(source) == [
        "100644 app.py",
        "100755 bin/run",
        "100644 hard",
        "120000 link",
        '100644 sp\u00e4t\n"x"\\',
    ]
    assert content(source, "app.py") == b"print(2)\n"
    assert content(source, "hard") == b"print(1)\n"
    assert source.subject == "v7: seven"
    assert b"author Ann x <ann@example.com> 1700000000" in git.run(
        source.git_dir, "cat-file", "commit", source.commit
    )
    assert unpacked(settings, file).commit == source.commit
    git.run(source.git_dir, "fsck", "--strict")


def test_the_one_folder_that_holds_all_is_left_away(settings: Settings, tmp_path: Path) -> None:
    file = packed(tmp_path, (entry("app-1.2/a"), b"a"), (entry("app-1.2/b/c"), b"c"))

    assert listed(unpacked(settings, file)) == ["100644 a", "100644 b/c"]


def device(name: str) -> tuple[tarfile.TarInfo, bytes]:
    return entry(name, tarfile.CHRTYPE), b""


PLAIN = (entry("app.py"), b"1")


@pytest.mark.parametrize(
    ("entries", "kind", "words"),
    [
        ([(entry("../app.py"), b"1")], InvalidInput, "outside"),
        ([(entry("a/../../b"), b"1")], InvalidInput, "outside"),
        ([(entry("/etc/passwd"), b"1")], InvalidInput, "outside"),
        ([PLAIN, device("null")], InvalidInput, "neither a file nor a link"),
        ([PLAIN, (entry("pipe", tarfile.FIFOTYPE), b"")], InvalidInput, "neither a file"),
        ([PLAIN, (entry("x", tarfile.LNKTYPE, "/etc/passwd"), b"")], InvalidInput, "neither a file"),
        ([PLAIN, (entry("x", tarfile.SYMTYPE, "/etc"), b"")], InvalidInput, "leaves the source"),
        ([PLAIN, (entry("x", tarfile.SYMTYPE, "a/../.."), b"")], InvalidInput, "leaves the source"),
        (
            [(entry("x", tarfile.SYMTYPE, "y"), b""), (entry("x/z"), b"1"), (entry("y/a"), b"1")],
            InvalidInput,
            "a folder too",
        ),
        ([PLAIN, (entry("APP.py"), b"1")], InvalidInput, "differ only in case"),
        ([(entry(f"f{n}"), b"1") for n in range(21)], TooMuch, "at most 20 are built"),
        ([(entry("a"), bytes(600_000)), (entry("b"), bytes(600_000))], TooMuch, "MiB together"),
        ([(entry("d", tarfile.DIRTYPE), b"")], InvalidInput, "no files"),
    ],
)  # fmt: skip
def test_what_is_not_safe_is_refused_and_leaves_nothing(
    settings: Settings,
    tmp_path: Path,
    entries: list[tuple[tarfile.TarInfo, bytes]],
    kind: type[EmpireError],
    words: str,
) -> None:
    with pytest.raises(kind, match=words):
        unpacked(settings, packed(tmp_path, *entries))
    assert list(settings.home.glob("repos/*/incoming/*")) == []


def test_a_bomb_ends_at_the_limit(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(TooMuch):
        unpacked(settings, packed(tmp_path, (entry("zeros"), bytes(300 * 1024 * 1024))))


def test_an_endless_header_is_not_read(settings: Settings, tmp_path: Path) -> None:
    head = entry("x", tarfile.XHDTYPE)
    head.size = 1 << 30
    plain = head.tobuf(tarfile.USTAR_FORMAT) + bytes(4096)

    with pytest.raises(InvalidInput, match="header is too long"):
        unpacked(settings, written(tmp_path, plain))


@pytest.mark.parametrize(
    "content",
    [b"", b"PK\x03\x04", gzip.compress(b"no tar" * 200), gzip.compress(bytes(9000))[:-9]],
    ids=["empty", "zip", "other", "torn"],
)
def test_what_is_no_archive_is_said(settings: Settings, tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "source.tar.gz"
    file.write_bytes(content)

    with pytest.raises(InvalidInput, match=r"archive"):
        unpacked(settings, file)


def test_an_archive_that_ends_within_a_file_is_refused(settings: Settings, tmp_path: Path) -> None:
    head = entry("app.py")
    head.size = 100_000
    with pytest.raises(InvalidInput, match="not a sound"):
        unpacked(settings, written(tmp_path, head.tobuf() + b"only this"))


def test_gits_own_refusal_is_told(settings: Settings, tmp_path: Path) -> None:
    file = packed(tmp_path, (entry("app.py"), bytes(1_000_000)))

    with pytest.raises(InvalidInput, match="not a git repository"):
        archive.unpack(APP, tmp_path / "absent", file, "v7", ANN, settings)
