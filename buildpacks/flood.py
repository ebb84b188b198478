"""Ends a build that floods its output, also where the engine no longer tells of it.

BuildKit passes on a mebibyte of each step's output and drops the rest. How much there really is
shows in the process that carries it, the step's own runc: on this machine, and to root.
"""

import re
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from buildpacks import errors
from empire.errors import BuildFailed

CLIPPED = b"[output clipped, log limit "
LOOK_SECONDS = 0.25
PREFIX = 12
"""So much of a step's command is compared: variables in the rest are replaced in its name only."""
PROC = Path("/proc")


class Flood:
    """The steps of one build whose output the engine clips."""

    def __init__(self, limit_mib: int, proc: Path = PROC) -> None:
        self._limit_mib = limit_mib
        self._proc = proc
        self._clipped: frozenset[str] = frozenset()
        self._looked_at = 0.0

    def clipped(self, step: str) -> None:
        """Watch a step of this name from now on: not all of its output is told."""
        self._clipped |= {step}

    def ended(self, step: str) -> None:
        """Watch the step no more."""
        self._clipped -= {step}

    def breach(self) -> BuildFailed | None:
        """Return why the build has to end, None while it may go on. Cheap to ask often."""
        if not self._clipped or time.monotonic() < self._looked_at + LOOK_SECONDS:
            return None
        self._looked_at = time.monotonic()
        carried = dict(self._carried())
        for step in self._clipped:
            own = [size for command, size in carried.items() if _is_of(step, command)]
            own = own or (list(carried.values()) if len(carried) == 1 else [])
            # Where two builds run the same command, only what both wrote is surely this one's.
            if own and min(own) > self._limit_mib << 20:
                return errors.too_much_output(self._limit_mib)
        return None

    def _carried(self) -> Iterator[tuple[str, int]]:
        """Yield the command of each build step of the machine, and how much output it had."""
        for folder in self._proc.iterdir():
            # Processes end at any time, and others' may not be looked at.
            with suppress(OSError, ValueError, IndexError):
                if folder.name.isdecimal() and _is_carrier(folder):
                    children = [
                        child
                        for thread in (folder / "task").iterdir()
                        for child in (thread / "children").read_text().split()
                    ]
                    command = (self._proc / children[0] / "cmdline").read_bytes()
                    size = int((folder / "io").read_text().split()[1])  # rchar
                    yield f"{folder.name} {_plain(command.decode(errors='replace'))}", size


def _is_carrier(process: Path) -> bool:
    """Tell whether the process is the runc of a build step."""
    words = (process / "cmdline").read_bytes().split(b"\0")
    return b"runc" in words[0] and any(b"/buildkit/executor/" in word for word in words)


def _is_of(step: str, command: str) -> bool:
    """Tell whether the command is that of the step with this name, such as `[2/3] RUN make`."""
    wanted = _plain(step.partition(" RUN ")[2])[:PREFIX]
    return bool(wanted) and wanted in command


def _plain(text: str) -> str:
    return re.sub(r"[\s\0]+", "", text)
