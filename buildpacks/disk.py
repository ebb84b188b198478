"""The disk that builds share with everything else: how much they must leave free."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from buildpacks import errors
from empire.errors import BuildFailed
from empire.settings import Settings

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Disk:
    """The folders that builds fill, and what must stay free of each. `most_mib` is for one build."""

    folders: tuple[Path, ...]
    reserve_mib: int
    most_mib: int

    def refuse(self) -> None:
        """Raise BuildFailed, with the numbers, where a build must not even begin."""
        for folder in self.folders:
            free, total = space(folder)
            if free < self.reserve_mib:
                raise errors.disk_full(folder, free, total, self.reserve_mib)

    def begin(self) -> "Meter":
        """Return what watches one build from now on."""
        return Meter(self, [space(folder)[0] for folder in self.folders])


@dataclass(frozen=True, slots=True)
class Meter:
    """One build's use of the disk. Others' use counts too: the engine does not tell whose it is."""

    disk: Disk
    free_before: Sequence[int]

    def breach(self) -> BuildFailed | None:
        """Return why the build has to end, None while it may go on."""
        for folder, before in zip(self.disk.folders, self.free_before, strict=True):
            free, total = space(folder)
            if free < self.disk.reserve_mib:
                return errors.disk_filled(folder, free, total, self.disk.reserve_mib)
            if before - free > self.disk.most_mib:
                return errors.too_much_disk(before - free, self.disk.most_mib)
        return None


def disk_of(settings: Settings, engine: dict[str, Any]) -> Disk:
    """Return the disk of the server's state and, where the engine is on this machine, of its own."""
    folders = [settings.home]
    root = Path(engine.get("DockerRootDir") or "/nonexistent")
    if root.is_dir() and engine.get("Name") == os.uname().nodename:
        folders.insert(0, root)
    return Disk(tuple(folders), settings.disk_reserve_mib, settings.build_disk_max_mib)


def space(folder: Path) -> tuple[int, int]:
    """Return the free and the total MiB of the file system below the folder."""
    while not folder.exists():
        folder = folder.parent
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize // MIB, found.f_blocks * found.f_frsize // MIB
