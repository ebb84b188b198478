"""How much output a step really had, where the engine clips it."""

from pathlib import Path

import pytest

from buildpacks.flood import Flood
from tests.buildpacks.conftest import MakeBuilder
from tests.buildpacks.sources import BASE, Repository, never, told
from tests.waiting import wait_until

STEP = "[2/3] RUN make $EVERYTHING loud"
MIB = 1 << 20


def process(proc: Path, number: int, command: str, output: int) -> None:
    """Write what /proc shows of a step: its runc, and the command below it."""
    (proc / f"{number}" / "task" / f"{number}").mkdir(parents=True)
    (proc / f"{number}" / "cmdline").write_text(
        f"runc\0run\0--bundle\0/var/lib/docker/buildkit/executor/{number}\0"
    )
    (proc / f"{number}" / "task" / f"{number}" / "children").write_text(f"{number + 1} ")
    (proc / f"{number}" / "io").write_text(f"rchar: {output}\nwchar: 1\n")
    (proc / f"{number + 1}").mkdir()
    (proc / f"{number + 1}" / "cmdline").write_text(f"/bin/sh\0-c\0{command}\0")


def told_of(proc: Path, step: str = STEP) -> bool:
    flood = Flood(1, proc)
    assert flood.breach() is None
    flood.clipped(step)
    return flood.breach() is not None


def test_only_a_step_that_is_clipped_is_looked_at(tmp_path: Path) -> None:
    process(tmp_path, 10, "make  all loud", 2 * MIB)
    flood = Flood(1, tmp_path)
    assert flood.breach() is None
    flood.clipped(STEP)
    flood.ended(STEP)
    assert flood.breach() is None
    flood.clipped(STEP)
    breach = flood.breach()
    assert breach
    assert "more than 1 MiB of output" in breach.what
    assert flood.breach() is None  # not so soon again
    wait_until(lambda: flood.breach() is not None)


def test_whose_output_it_is(tmp_path: Path) -> None:
    (tmp_path / "self").mkdir()
    (tmp_path / "99").mkdir()
    step = "[2/3] RUN make all loud"
    process(tmp_path, 10, "something else", MIB // 2)
    assert not told_of(tmp_path, step)
    process(tmp_path, 20, "make  all loud", 2 * MIB)
    assert told_of(tmp_path, step)
    assert not told_of(tmp_path, "[1/1] RUN other")
    process(tmp_path, 30, "make all loud", 100)
    assert not told_of(tmp_path, step)  # one of the two may be another build's


def test_the_only_step_is_ours(tmp_path: Path) -> None:
    process(tmp_path, 10, "what <<EOF meant", 2 * MIB)
    assert told_of(tmp_path, "[2/2] RUN <<EOF (...)")


@pytest.mark.docker
def test_a_step_that_is_clipped_may_end_well(
    make_builder: MakeBuilder, repository: Repository
) -> None:
    step = "RUN head -c 2M /dev/zero | tr '\\\\0' x | fold -w 99; sleep 1; echo done >> /end\n"
    source = repository.commit({"Dockerfile": BASE + step})
    assert "clipped" in told(make_builder().build(source, "1", never)).text
