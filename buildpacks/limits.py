"""Memory, processor and process limits for BuildKit's steps.

Its API has none (moby ignores them), but all its steps run below one control group of the engine,
`<cgroup-parent>/buildkit`; what is written there holds for all builds of the machine together.
"""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PERIOD_MICROSECONDS = 100_000
ROOT = Path("/sys/fs/cgroup")


@dataclass(frozen=True, slots=True)
class Limits:
    """What all builds of this machine may use together. `cpus` is in cores."""

    memory_mib: int
    cpus: float
    processes: int
    group: str = "docker/buildkit"


def apply(limits: Limits, engine: dict[str, Any], root: Path = ROOT) -> str:
    """Write the limits; return why they cannot be applied, empty when they are."""
    if engine.get("CgroupDriver") != "cgroupfs":
        return "the engine's cgroup driver gives builds no group of their own"
    is_unified = str(engine.get("CgroupVersion")) == "2"
    files = _unified(limits) if is_unified else _separate(limits)
    try:
        if is_unified:
            _delegate(root, limits.group)
        for name, value in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(value)
    except OSError as error:
        return f"{error.filename or root}: {error.strerror}"
    return ""


def _separate(limits: Limits) -> dict[str, str]:
    """Return the files of cgroup v1; a tenth of the usual weight keeps builds behind dynos."""
    return {
        f"memory/{limits.group}/memory.limit_in_bytes": str(limits.memory_mib << 20),
        f"cpu/{limits.group}/cpu.cfs_period_us": str(PERIOD_MICROSECONDS),
        f"cpu/{limits.group}/cpu.cfs_quota_us": str(int(limits.cpus * PERIOD_MICROSECONDS)),
        f"cpu/{limits.group}/cpu.shares": "102",
        f"pids/{limits.group}/pids.max": str(limits.processes),
    }


def _unified(limits: Limits) -> dict[str, str]:
    """Return the files of cgroup v2."""
    quota = int(limits.cpus * PERIOD_MICROSECONDS)
    return {
        f"{limits.group}/memory.max": str(limits.memory_mib << 20),
        f"{limits.group}/cpu.max": f"{quota} {PERIOD_MICROSECONDS}",
        f"{limits.group}/cpu.weight": "10",
        f"{limits.group}/pids.max": str(limits.processes),
    }


def _delegate(root: Path, group: str) -> None:
    """Let the group have controllers of its own; without them the limit files do not exist."""
    for folder in (root, (root / group).parent):
        folder.mkdir(exist_ok=True)
        with suppress(OSError):
            (folder / "cgroup.subtree_control").write_text("+memory +cpu +pids")
