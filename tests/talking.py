"""A command that runs beside the test, and what it said so far."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.product import Product
from tests.waiting import wait_until


class Talking:
    """A running command of the person; standard output and error go to one file."""

    def __init__(self, running: Product, command: Sequence[str], cwd: Path | None = None) -> None:
        self._file = running.folder / f"said-{len(list(running.folder.glob('said-*')))}"
        with self._file.open("wb") as file:
            self.process = subprocess.Popen(
                list(command), cwd=cwd or running.folder, env=running.environment,
                stdin=subprocess.DEVNULL, stdout=file, stderr=file,
            )  # fmt: skip

    @classmethod
    def empire(cls, running: Product, *words: str) -> "Talking":
        """Start the empire command."""
        return cls(running, [sys.executable, "-m", "cli.main", *words])

    @classmethod
    def push(cls, running: Product, repository: Path) -> "Talking":
        """Start to push HEAD to main."""
        return cls(running, ["git", "push", "empire", "HEAD:refs/heads/main"], repository)

    @property
    def said(self) -> str:
        """What it printed so far."""
        return self._file.read_text(errors="replace")

    def wait_for(self, text: str) -> None:
        """Return when it said so."""
        wait_until(lambda: text in self.said, f"{text!r} is said in {self._file}")

    def end(self, seconds: float = 60) -> int:
        """Return its exit code when it ended."""
        return self.process.wait(seconds)
