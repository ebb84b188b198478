"""How much of the disk builds leave."""

from pathlib import Path

import pytest

from buildpacks.disk import Disk, Meter, disk_of, space
from empire.errors import BuildFailed
from empire.settings import Settings


def test_a_build_begins_where_there_is_room(tmp_path: Path) -> None:
    Disk((tmp_path,), 1, 1).refuse()
    free, total = space(tmp_path)
    with pytest.raises(BuildFailed, match="too full for a build") as refusal:
        Disk((tmp_path,), total + 1, 1).refuse()
    assert f"{total + 1} MiB at {tmp_path}" in refusal.value.why
    assert 0 < free <= total


def test_a_build_ends_where_it_takes_too_much(tmp_path: Path) -> None:
    free, total = space(tmp_path)
    assert Disk((tmp_path,), 1, 1 << 30).begin().breach() is None
    took = Meter(Disk((tmp_path,), 1, 100), [free + 5000]).breach()
    assert took
    assert "and 100 MiB are allowed" in took.what
    full = Meter(Disk((tmp_path,), total + 1, 100), [free]).breach()
    assert full
    assert "ran full during the build" in full.what


def test_the_engines_disk_counts_where_it_is_here(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    assert disk_of(settings, {}).folders == (tmp_path / "home",)
    elsewhere = {"DockerRootDir": str(tmp_path), "Name": "elsewhere"}
    assert disk_of(settings, elsewhere).folders == (tmp_path / "home",)
