"""The sizes that Fargate has: each number of cores comes with its own choice of memory."""

from deployer.aws import errors
from empire.manifest import Size

GIB = 1024
CHOICES: dict[int, tuple[int, ...]] = {
    256: (512, 1 * GIB, 2 * GIB),
    512: tuple(range(1 * GIB, 4 * GIB + 1, GIB)),
    1024: tuple(range(2 * GIB, 8 * GIB + 1, GIB)),
    2048: tuple(range(4 * GIB, 16 * GIB + 1, GIB)),
    4096: tuple(range(8 * GIB, 30 * GIB + 1, GIB)),
    8192: tuple(range(16 * GIB, 60 * GIB + 1, 4 * GIB)),
    16384: tuple(range(32 * GIB, 120 * GIB + 1, 8 * GIB)),
}
"""CPU units (1024 are one core) to MiB of memory."""


def fargate(size: Size) -> tuple[int, int]:
    """Return the CPU units and MiB of the smallest task that holds a dyno; raises InvalidInput."""
    for units, memories in CHOICES.items():
        for memory_mib in memories:
            if units >= size.cpus * 1024 and memory_mib >= size.memory_mib:
                return units, memory_mib
    raise errors.too_large(size.name)


def instance(size: Size) -> tuple[int, int]:
    """Return the CPU units and MiB of a task on an instance of one's own: what was asked for."""
    return max(128, round(size.cpus * 1024)), size.memory_mib
