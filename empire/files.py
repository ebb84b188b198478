"""Files that survive a power cut: written whole or not at all."""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def write_whole(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Replace the file by the content in one step; after return it is on disk."""
    with _beside(path, content, mode) as written:
        written.replace(path)
    sync_folder(path.parent)


def write_once(path: Path, make: Callable[[], bytes], mode: int = 0o600) -> bytes:
    """Return the file's content; the first caller makes it, of all processes."""
    if not path.exists():
        with _beside(path, make(), mode) as written, suppress(FileExistsError):
            path.hardlink_to(written)
        sync_folder(path.parent)
    return path.read_bytes()


def sync_folder(folder: Path) -> None:
    """Make renames in the folder durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _beside(path: Path, content: bytes, mode: int) -> Iterator[Path]:
    """Yield a new file with the content, safe on disk, in the folder of the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)
