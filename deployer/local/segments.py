"""One app's log on disk: a ring of append-only files, of which the oldest is deleted whole.

A position is the number of a file and an offset in it, as one integer. One process writes; any may
read, with no lock: nothing is added to a file any more once there is one with a higher number.
"""

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

SEGMENT_BYTES = 4 * 1024 * 1024
CHUNK_BYTES = 256 * 1024
CLOCK_SECONDS = 60.0
"""How far the clock of an engine on another machine may be ahead of ours."""
_SHIFT = 32
_OFFSET = (1 << _SHIFT) - 1


class Segments:
    """The files of one app's log in a folder, at most `most` of them."""

    def __init__(self, folder: Path, most: int) -> None:
        self._folder = folder
        self._most = most

    def append(self, records: Sequence[bytes]) -> None:
        """Write whole records at the end. Call it from one thread at a time. Raises OSError."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        begin = 0
        while begin < len(records):
            with self._last_file() as handle:
                room, stop = SEGMENT_BYTES - os.fstat(handle).st_size, begin
                while stop < len(records) and room > 0:
                    room -= len(records[stop])
                    stop += 1
                _write(handle, b"".join(records[begin:stop]))
            begin = stop

    def read(self, position: int, most_bytes: int = CHUNK_BYTES) -> tuple[bytes, int]:
        """Return whole records from the position on, and their own position; none at the end."""
        number, offset = position >> _SHIFT, position & _OFFSET
        numbers = self._numbers()
        if not numbers:
            return b"", position
        if not numbers[0] <= number <= numbers[-1]:
            number, offset = numbers[0], 0
        content = self._whole_lines(number, offset, most_bytes)
        while not content and number < numbers[-1]:
            number, offset = number + 1, 0
            content = self._whole_lines(number, offset, most_bytes)
        return content, number << _SHIFT | offset

    def newest_first(self, since: float = 0) -> Iterator[tuple[bytes, int]]:
        """Yield the whole records of each file and their position; old files only back to since."""
        for number in reversed(self._numbers()):
            path = self._path(number)
            try:
                if path.stat().st_mtime < since - CLOCK_SECONDS:
                    return
                content = path.read_bytes()
            except FileNotFoundError:
                return
            yield content[: content.rfind(b"\n") + 1], number << _SHIFT

    def end(self) -> int:
        """Return the position after the last record."""
        for number in reversed(self._numbers()):
            try:
                return number << _SHIFT | self._path(number).stat().st_size
            except FileNotFoundError:
                continue
        return 0

    def first(self) -> bytes:
        """Return the stored form of the oldest record that is kept while older ones were deleted."""
        numbers = self._numbers()
        if not numbers or numbers[0] == 1:
            return b""
        return self._whole_lines(numbers[0], 0, CHUNK_BYTES).partition(b"\n")[0]

    def remove(self) -> None:
        """Delete all."""
        shutil.rmtree(self._folder, ignore_errors=True)

    @contextmanager
    def _last_file(self) -> Iterator[int]:
        """Yield a handle at the end of a file with room, without half a record at its end."""
        numbers = self._numbers()
        number = numbers[-1] if numbers else 1
        handle = self._open(number)
        if os.fstat(handle).st_size >= SEGMENT_BYTES:
            os.close(handle)
            handle = self._open(number + 1)
            for old in numbers[: len(numbers) + 1 - self._most]:
                self._path(old).unlink(missing_ok=True)
        try:
            _mend(handle)
            yield handle
        finally:
            os.close(handle)

    def _open(self, number: int) -> int:
        return os.open(self._path(number), os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)

    def _whole_lines(self, number: int, offset: int, most_bytes: int) -> bytes:
        """Return records from the offset to the next multiple of most_bytes, but at least one.

        So who reads from different offsets soon stands at the same ones.
        """
        try:
            handle = os.open(self._path(number), os.O_RDONLY)
        except FileNotFoundError:
            return b""
        try:
            wanted = most_bytes - offset % most_bytes
            while True:
                content = os.pread(handle, wanted, offset)
                whole = content.rfind(b"\n") + 1
                if whole or len(content) < wanted:
                    return content[:whole]
                wanted += max(most_bytes, wanted)
        finally:
            os.close(handle)

    def _numbers(self) -> list[int]:
        try:
            names = os.listdir(self._folder)  # noqa: PTH208 - twice as fast, and asked often
        except FileNotFoundError:
            return []
        return sorted(int(name[:-4]) for name in names if name.endswith(".log"))

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:08}.log"


def _mend(handle: int) -> None:
    """Cut off what a writer left behind that was killed, or found the disk full, in a record."""
    size = os.fstat(handle).st_size
    if size and os.pread(handle, 1, size - 1) != b"\n":
        os.ftruncate(handle, os.pread(handle, size, 0).rfind(b"\n") + 1)


def _write(handle: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(handle, rest) :]
