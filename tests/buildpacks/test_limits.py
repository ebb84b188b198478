"""What is written where for the limits of builds."""

from pathlib import Path

import pytest

from buildpacks import limits
from buildpacks.builder import Builder
from buildpacks.limits import Limits
from tests.buildpacks.conftest import MakeBuilder

LIMITS = Limits(memory_mib=512, cpus=1.5, processes=4096)


@pytest.mark.parametrize(
    ("version", "files"),
    [
        (
            "1",
            {
                "memory/docker/buildkit/memory.limit_in_bytes": "536870912",
                "cpu/docker/buildkit/cpu.cfs_period_us": "100000",
                "cpu/docker/buildkit/cpu.cfs_quota_us": "150000",
                "cpu/docker/buildkit/cpu.shares": "102",
                "pids/docker/buildkit/pids.max": "4096",
            },
        ),
        (
            "2",
            {
                "cgroup.subtree_control": "+memory +cpu +pids",
                "docker/cgroup.subtree_control": "+memory +cpu +pids",
                "docker/buildkit/memory.max": "536870912",
                "docker/buildkit/cpu.max": "150000 100000",
                "docker/buildkit/cpu.weight": "10",
                "docker/buildkit/pids.max": "4096",
            },
        ),
    ],
)
def test_limits_are_written(version: str, files: dict[str, str], tmp_path: Path) -> None:
    engine = {"CgroupDriver": "cgroupfs", "CgroupVersion": version}
    assert limits.apply(LIMITS, engine, tmp_path) == ""
    found = {
        str(path.relative_to(tmp_path)): path.read_text()
        for path in tmp_path.rglob("*")
        if path.is_file()
    }
    assert found == files


def test_where_they_cannot_be_applied(tmp_path: Path) -> None:
    assert "cgroup driver" in limits.apply(LIMITS, {"CgroupDriver": "systemd"}, tmp_path)
    (tmp_path / "memory").write_text("not a folder")
    problem = limits.apply(LIMITS, {"CgroupDriver": "cgroupfs"}, tmp_path)
    assert "Not a directory" in problem or "File exists" in problem


@pytest.mark.docker
def test_the_classic_builder_needs_none(make_builder: MakeBuilder) -> None:
    builder: Builder = make_builder(builder="classic")
    assert builder.limits_problem() == ""
