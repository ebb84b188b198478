"""A private PostgreSQL for one test run, on a socket in a folder of its own."""

import os
import pwd
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from tests.waiting import wait_until

BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
USER = "postgres"


def why_not() -> str:
    """Return why no PostgreSQL can be started here; empty when it can."""
    if not BINARIES:
        return "NO POSTGRESQL, the store is tested on SQLite alone (apt-get install postgresql)"
    if not find_spec("psycopg"):
        return "NO PSYCOPG, the store is tested on SQLite alone (install the extra postgres)"
    return ""


@contextmanager
def running() -> Iterator[str]:
    """Yield the URL of the server's databases, with {} for the name; it ends with the block."""
    with tempfile.TemporaryDirectory(prefix="empire-pg-") as name:
        yield from _running(Path(name))


def _running(folder: Path) -> Iterator[str]:
    if os.geteuid() == 0:  # which PostgreSQL refuses to run as
        owner = pwd.getpwnam(USER)
        os.chown(folder, owner.pw_uid, owner.pw_gid)
    data = folder / "data"
    _run("initdb", "-D", data, "-A", "trust", "-U", "empire", "--no-sync", "-E", "UTF8")
    server = subprocess.Popen(
        _words("postgres", "-D", data, "-k", folder, "-c", "listen_addresses=", "-c", "fsync=off"),
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        ready = _words("pg_isready", "-q", "-h", folder, "-U", "empire")
        wait_until(lambda: subprocess.run(ready, check=False).returncode == 0, "PostgreSQL answers")
        yield f"postgresql+psycopg://empire@/{{}}?host={folder}"
    finally:
        server.terminate()
        server.wait(60)


def _run(program: str, *arguments: object) -> None:
    subprocess.run(_words(program, *arguments), check=True, capture_output=True, cwd="/")


def _words(program: str, *arguments: object) -> list[str]:
    drop = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups"]
    words = [str(BINARIES[-1] / program), *map(str, arguments)]
    return [*drop, *words] if os.geteuid() == 0 else words
