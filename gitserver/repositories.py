"""The apps' bare repositories on disk, and the quarantines of pushes that are not live yet.

    repos/APP.git/                 refs and objects of what went live
    repos/APP.git/incoming/ID/     one push: a bare repository that borrows the app's objects

Only whole packs that were checked against the app's objects land, and nothing is ever pruned, so an
app's objects are closed: whatever an object refers to is there too.
"""

import fcntl
import os
import secrets
import shutil
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from subprocess import CalledProcessError

from dulwich.repo import Repo

from empire.actors import Actor
from empire.files import sync_folder, write_whole
from empire.manifest import Source
from empire.names import AppName, Sha
from empire.settings import Settings
from gitserver import archive, git

INCOMING = "incoming"
ZERO = "0" * 40
PACKS_BEFORE_REPACK = 30
# What `git archive` leaves out or rewrites on request of .gitattributes would silently differ
# from the commit.
ATTRIBUTES = b"* -export-ignore -export-subst\n"
CONFIG = b"[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = true\n"
# A reader takes a pack for whole when its index is there, so the index comes last.
PACK_SUFFIXES = (".pack", ".rev", ".idx")


class Repositories:
    """The port `empire.platform.Sources`, on folders."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._root = settings.repositories

    def path(self, app: AppName) -> Path:
        """Return where the app's repository is, or will be."""
        return self._root / f"{app}.git"

    def open(self, app: AppName) -> Path:
        """Return the app's repository, made when it is missing."""
        path = self.path(app)
        if not (path / "HEAD").exists():
            _make(path)
        return path

    def refs(self, app: AppName) -> dict[str, Sha]:
        """Return the app's refs and what they name."""
        if not (self.path(app) / "HEAD").exists():
            return {}
        with Repo(str(self.path(app))) as repo:
            found = {
                name.decode("utf-8", "surrogateescape"): sha
                for name, sha in repo.get_refs().items()
            }
        return {name: Sha(sha.decode()) for name, sha in sorted(found.items()) if name != "HEAD"}

    def shallow(self, app: AppName) -> set[Sha]:
        """Return the commits whose parents the app's repository lacks."""
        return read_shallow(self.path(app))

    def quarantine(self, app: AppName) -> Path:
        """Return a fresh quarantine for one push to the app."""
        place = self.open(app) / INCOMING / secrets.token_hex(8)
        _make(place, objects_of="../../../objects")
        shallow = self.path(app) / "shallow"
        if shallow.exists():
            write_whole(place / "shallow", shallow.read_bytes())
        return place

    def trial(self, app: AppName) -> Path:
        """Return a fresh quarantine of which nothing will be kept, not even the app's repository.

        One of an app that has none is swept up at the next start, if it was not discarded.
        """
        if (self.path(app) / "HEAD").exists():
            return self.quarantine(app)
        place = self._root / f"{secrets.token_hex(8)}.deleted"
        _make(place)
        return place

    def unpack(self, app: AppName, packed: Path, message: str, by: Actor) -> Source:
        """Return the source of a .tar.gz archive, in a quarantine of its own."""
        quarantine = self.quarantine(app)
        try:
            return archive.unpack(app, quarantine, packed, message, by, self._settings)
        except BaseException:
            self.discard(quarantine)
            raise

    def land(self, source: Source, ref: str) -> None:
        """Keep the source's objects for good and let `ref` name its commit."""
        path = self.open(source.app)
        with _locked(path):
            if source.git_dir != path:
                self._keep(path, source.git_dir)
            git.run(path, "update-ref", ref, source.commit)
            git.run(path, "symbolic-ref", "HEAD", ref)
        self.drop(source)
        # Nobody waits for this: behind it stands a person's push.
        threading.Thread(target=self._repack, args=(path,), name="repack", daemon=True).start()

    def set_refs(
        self,
        app: AppName,
        changes: Mapping[str, tuple[Sha | None, Sha | None]],
        quarantine: Path | None = None,
    ) -> None:
        """Set refs from old to new all at once, with objects that are in the quarantine so far.

        None means that there is no such ref. Raises CalledProcessError when a ref is not what was
        expected or cannot be; then nothing of it is kept.
        """
        path = self.open(app)
        rows = [
            f"update {ref}\0{new or ZERO}\0{old or ZERO}\0" for ref, (old, new) in changes.items()
        ]
        with _locked(path):
            boundary = read_shallow(path)
            linked = self._keep(path, quarantine) if quarantine else []
            try:
                git.run(path, "update-ref", "-z", "--stdin", stdin="".join(rows).encode())
            except CalledProcessError:
                for file in linked:
                    file.unlink()
                write_shallow(path, boundary)
                raise

    def drop(self, source: Source) -> None:
        """Forget the quarantine of the source."""
        if source.git_dir.parent == self.path(source.app) / INCOMING:
            self.discard(source.git_dir)

    def discard(self, quarantine: Path) -> None:
        """Delete a quarantine."""
        _delete(quarantine)

    def remove(self, app: AppName) -> None:
        """Forget the app's repository."""
        _delete(self.path(app))

    def sweep(self, owned: set[Path]) -> None:
        """Delete every quarantine but those owned, and what a killed server left half deleted."""
        for place in self._root.glob(f"*.git/{INCOMING}/*"):
            if place not in owned:
                self.discard(place)
        for leftover in self._root.glob("*.deleted"):
            shutil.rmtree(leftover, ignore_errors=True)

    def _keep(self, path: Path, quarantine: Path) -> list[Path]:
        """Link the quarantine's packs into the repository and return the links that are new."""
        folder = path / "objects" / "pack"
        files = [
            file
            for suffix in PACK_SUFFIXES
            for file in (quarantine / "objects" / "pack").glob(f"*{suffix}")
        ]
        linked = [folder / file.name for file in files if _link(file, folder / file.name)]
        sync_folder(folder)
        together = read_shallow(path) | read_shallow(quarantine)
        if together != read_shallow(path):
            write_shallow(path, together)
        return linked

    def _repack(self, path: Path) -> None:
        """Roll small packs into larger ones when there are many; every object stays."""
        if len(list((path / "objects" / "pack").glob("*.pack"))) > PACKS_BEFORE_REPACK:
            with suppress(FileNotFoundError), _locked(path):
                git.run(path, "repack", "-d", "--geometric=2", "--quiet", check=False)


def read_shallow(git_dir: Path) -> set[Sha]:
    """Return the commits that are the repository's shallow boundary."""
    try:
        return {Sha(line) for line in (git_dir / "shallow").read_text().split()}
    except FileNotFoundError:
        return set()


def write_shallow(git_dir: Path, commits: set[Sha]) -> None:
    """Set the repository's shallow boundary."""
    if commits:
        write_whole(git_dir / "shallow", "".join(f"{sha}\n" for sha in sorted(commits)).encode())
    else:
        (git_dir / "shallow").unlink(missing_ok=True)


def _make(path: Path, objects_of: str = "") -> None:
    """Make a bare repository; HEAD comes last, since git takes the folder for one by it."""
    for folder in ("objects/pack", "objects/info", "refs/heads", "refs/tags", "info"):
        (path / folder).mkdir(parents=True, exist_ok=True)
    (path / "config").write_bytes(CONFIG)
    (path / "info" / "attributes").write_bytes(ATTRIBUTES)
    if objects_of:
        (path / "objects" / "info" / "alternates").write_text(f"{objects_of}\n")
    write_whole(path / "HEAD", b"ref: refs/heads/main\n")


def _link(file: Path, target: Path) -> bool:
    if target.exists():
        return False
    target.hardlink_to(file)
    return True


def _delete(path: Path) -> None:
    """Move the folder out of the way in one step, then delete it at leisure."""
    away = path.with_name(f"{path.name}.{secrets.token_hex(4)}.deleted")
    try:
        path.rename(away)
    except FileNotFoundError:
        return
    shutil.rmtree(away, ignore_errors=True)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Let one process and thread at a time change the repository."""
    handle = os.open(path / "empire.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
