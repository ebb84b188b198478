"""When each file of an app last changed: the engine takes a file anew only when its time differs.

Git keeps no times. Here a file gets the time of the commit that first brought its content to this
server, and no time is given twice, so that the same path with the same time is the same content.
"""

import fcntl
import json
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from empire.files import write_whole

SECOND = 1_000_000_000
LATEST_SECONDS = 1 << 33  # the year 2242: later ones would not fit into 64 bits of nanoseconds


@dataclass
class Stamps:
    """The times in nanoseconds, by path, with the content that each belongs to.

    `lineage` names this row of times; where the file is lost another one begins, and what the
    engine kept under the old name is not used any more.
    """

    lineage: str = field(default_factory=lambda: secrets.token_hex(8))
    last: int = 0
    files: dict[str, tuple[str, int]] = field(default_factory=dict)

    def of(self, contents: Mapping[str, str], at: int) -> bool:
        """Give each path with a new content the next time, from `at` seconds on; tell if any had."""
        kept = {
            path: known
            for path, content in contents.items()
            if (known := self.files.get(path)) and known[0] == content
        }
        if len(kept) == len(contents) == len(self.files):
            return False
        self.last = max(min(at, LATEST_SECONDS) * SECOND, self.last + 1)
        self.files = {
            path: kept.get(path, (content, self.last)) for path, content in contents.items()
        }
        return True


def stamped(file: Path, contents: Mapping[str, str], at: int) -> Stamps:
    """Return the times of these contents by path, and keep them in the file for the next build."""
    with _locked(file):
        stamps = _read(file)
        if stamps.of(contents, at):
            write_whole(file, json.dumps(asdict(stamps)).encode())
        return stamps


def file_of(home: Path, app: str) -> Path:
    """Return where the times of an app are kept."""
    return home / "times" / app


def forget(home: Path, app: str) -> None:
    """Forget the times of an app; its next build begins another lineage."""
    file = file_of(home, app)
    for path in (file, _lock_of(file)):
        path.unlink(missing_ok=True)


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    file.parent.mkdir(parents=True, exist_ok=True)
    with _lock_of(file).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _lock_of(file: Path) -> Path:
    return file.with_name(f".{file.name}.lock")


def _read(file: Path) -> Stamps:
    try:
        found = json.loads(file.read_bytes())
        files = {path: (str(content), int(at)) for path, (content, at) in found["files"].items()}
        return Stamps(str(found["lineage"]), int(found["last"]), files)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return Stamps()
