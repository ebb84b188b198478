"""Which generation of its caches an app uses: a build without any cache begins another one.

The engine cannot empty a cache mount, but a mount of another name is empty. What builds fetched
before is not used again, and goes when the engine makes room.
"""

from pathlib import Path

from empire.files import write_whole


def begin(home: Path, app: str, name: str) -> None:
    """Let the app's builds use the caches of this generation from now on."""
    file = _file_of(home, app)
    file.parent.mkdir(parents=True, exist_ok=True)
    write_whole(file, name.encode())


def of(home: Path, app: str) -> str:
    """Return the app's generation, empty for the first."""
    try:
        return _file_of(home, app).read_text()
    except FileNotFoundError:
        return ""


def forget(home: Path, app: str) -> None:
    """Forget the app's generation."""
    _file_of(home, app).unlink(missing_ok=True)


def _file_of(home: Path, app: str) -> Path:
    return home / "generations" / app
