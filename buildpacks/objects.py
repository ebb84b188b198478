"""Git's objects of one repository, read through one long-lived git process."""

import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

from buildpacks import errors

# What git may know of its surroundings. No configuration but the repository's own.
ENVIRONMENT = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "LC_ALL": "C.UTF-8",
}
IN_FLIGHT = 256  # requests ahead of answers: 256 lines of 41 bytes fit any pipe, so none blocks
CHUNK = 1 << 18
AHEAD_BYTES = 1 << 20  # git reads on while what it gave is being sent


class Objects:
    """A reader for one thread; the process starts with the first object that is asked for."""

    def __init__(self, git_dir: Path) -> None:
        self._git_dir = git_dir
        self._reader: subprocess.Popen[bytes] | None = None

    def close(self) -> None:
        """End the process."""
        if self._reader is not None:
            self._reader.kill()
            self._reader.communicate()

    def stream(self, oids: Iterable[str]) -> Iterator[Iterator[bytes]]:
        """Yield each object's content as an iterator of chunks, to be used up before the next."""
        reader = self._cat_file()
        assert reader.stdin is not None
        assert reader.stdout is not None
        oids = list(oids)
        for start in range(0, len(oids), IN_FLIGHT):
            batch = oids[start : start + IN_FLIGHT]
            reader.stdin.write("".join(f"{oid}\n" for oid in batch).encode())
            reader.stdin.flush()
            for oid in batch:
                yield _object(reader.stdout, oid)

    def _cat_file(self) -> subprocess.Popen[bytes]:
        if self._reader is None:
            self._reader = subprocess.Popen(
                ["git", f"--git-dir={self._git_dir}", "cat-file", "--batch"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=CHUNK,
                pipesize=AHEAD_BYTES,
                env=ENVIRONMENT,
            )
        return self._reader


def _object(stdout: IO[bytes], oid: str) -> Iterator[bytes]:
    header = stdout.readline().split()
    if len(header) != 3:
        raise errors.unreadable_objects(oid)
    left = int(header[2])
    while left:
        chunk = stdout.read(min(left, CHUNK))
        if not chunk:
            raise errors.unreadable_objects(oid)
        left -= len(chunk)
        yield chunk
    stdout.read(1)
