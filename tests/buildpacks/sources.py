"""Commits made with real git, and builds driven to their end."""

import subprocess
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from empire.events import Event, Stream
from empire.manifest import Image, Source
from empire.names import AppName, Sha
from tests.fakes import never

RUN = str(uuid.uuid4())
# The engine's cache outlives a test run: what a run shows has to be new to it. And what a failed
# build leaves is found by the label.
BASE = f"FROM empire/python:3\nLABEL empire.test=1 empire.test.run={RUN}\nARG RUN={RUN}\n"
ENVIRONMENT = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    # A collection in the background would outlive the test, and its folder.
    "GIT_CONFIG_COUNT": "1",
    "GIT_CONFIG_KEY_0": "gc.auto",
    "GIT_CONFIG_VALUE_0": "0",
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.com",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.com",
    "GIT_AUTHOR_DATE": "2026-01-02T03:04:05Z",
    "GIT_COMMITTER_DATE": "2026-01-02T03:04:05Z",
}


@dataclass(frozen=True)
class Link:
    """A symbolic link to be committed."""

    target: str


@dataclass(frozen=True)
class Program:
    """An executable file to be committed."""

    content: str


File = str | bytes | Link | Program


class Repository:
    """A git repository with a work tree."""

    def __init__(self, folder: Path, app: str = "bp-test") -> None:
        self.folder = folder
        self.app = AppName(app)
        self.git("init", "-q", "-b", "main", str(folder))

    def commit(self, files: Mapping[str, File]) -> Source:
        """Commit the files beside those that are there and return the source."""
        for name, content in files.items():
            self._write(self.folder / name, content)
        self.git("-C", str(self.folder), "add", "-A", "-f")
        self.git("-C", str(self.folder), "commit", "-q", "--allow-empty", "-m", "A change")
        return self.source()

    def source(self) -> Source:
        """Return the last commit as a source."""
        git = ("-C", str(self.folder), "rev-parse")
        return Source(
            self.app,
            Sha(self.git(*git, "HEAD")),
            Sha(self.git(*git, "HEAD^{tree}")),
            self.folder / ".git",
        )

    def git(self, *arguments: str) -> str:
        """Run git and return what it printed."""
        done = subprocess.run(
            ["git", *arguments], env=ENVIRONMENT, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    def _write(self, path: Path, content: File) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        match content:
            case Link(target):
                path.symlink_to(target)
            case Program(text):
                path.write_text(text)
                path.chmod(0o755)
            case bytes():
                path.write_bytes(content)
            case _:
                path.write_text(content)


@dataclass
class Story:
    """What a build showed and returned."""

    events: list[Event]
    image: Image

    @property
    def text(self) -> str:
        """All that a person saw."""
        return "\n".join(map(str, self.events))


def told(stream: Stream[Image]) -> Story:
    """Run a build to its end."""
    events: list[Event] = []
    while True:
        try:
            events.append(next(stream))
        except StopIteration as end:
            return Story(events, end.value)


__all__ = ["Link", "Program", "Repository", "Story", "never", "told"]
