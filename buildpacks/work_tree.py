"""A folder of this machine as a source: its files as they are, committed or not.

They go into a git repository of their own that is gone afterwards; the folder's own is not touched.
What its .gitignore names stays out, as it would of a push.
"""

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from buildpacks import errors
from buildpacks.objects import ENVIRONMENT
from empire.manifest import Source
from empire.names import AppName, Sha

SECONDS = 300
AUTHOR = {
    "GIT_AUTHOR_NAME": "empire",
    "GIT_AUTHOR_EMAIL": "empire@localhost",
    "GIT_COMMITTER_NAME": "empire",
    "GIT_COMMITTER_EMAIL": "empire@localhost",
}


@contextmanager
def source_of(folder: Path, app: AppName) -> Iterator[Source]:
    """Yield the folder as a source; raises InvalidInput when it is none or git cannot read it."""
    if not folder.is_dir():
        raise errors.no_folder(str(folder))
    with tempfile.TemporaryDirectory(prefix="empire-build-") as name:
        repository = Path(name, "git")
        _git("init", "--quiet", "--bare", str(repository))
        places = (f"--git-dir={repository}", f"--work-tree={folder.resolve()}")
        _git(*places, "-c", "advice.addEmbeddedRepo=false", "add", "--all", ".")
        tree = _git(*places, "write-tree")
        # The newest file's time, so that the same files are the same commit.
        written = max((path.lstat().st_mtime for path in _files(folder, places)), default=0)
        commit = _git(*places, "commit-tree", "-m", "The folder as it is", tree, at=int(written))
        yield Source(app, Sha(commit), Sha(tree), repository)


def _files(folder: Path, places: tuple[str, ...]) -> Iterator[Path]:
    for name in _git(*places, "ls-files", "-z").split("\0"):
        path = folder / name
        if name and (path.is_symlink() or path.is_file()):
            yield path


def _git(*words: str, at: int = 0) -> str:
    dates = {"GIT_AUTHOR_DATE": f"@{at} +0000", "GIT_COMMITTER_DATE": f"@{at} +0000"}
    done = subprocess.run(
        ["git", *words],
        capture_output=True,
        env={**ENVIRONMENT, **AUTHOR, **dates},
        timeout=SECONDS,
        check=False,
    )
    if done.returncode:
        raise errors.unreadable_folder(done.stderr.decode(errors="replace").strip())
    return done.stdout.decode(errors="surrogateescape").strip()
