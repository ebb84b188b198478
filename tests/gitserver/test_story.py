"""What the pusher reads while the deployment runs, and what a lost pusher changes: nothing."""

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from empire.errors import BuildFailed
from empire.events import Line
from tests.gitserver.world import Person, World, commit
from tests.waiting import wait_until


def test_a_quiet_push_still_tells_of_the_deployment(world: World, ann: Person, work: Path) -> None:
    done = world.git(ann, work, "push", "-q", "empire", "main")
    assert done.code == 0
    assert "v2 is live" in done.err


def test_a_failed_deployment_rejects_the_push_with_its_reason(
    world: World, ann: Person, work: Path
) -> None:
    world.builder.fail("build", BuildFailed("Step 2 failed.", why="exit 1", fix="Read on."))
    done = world.git(ann, work, "push", "empire", "main")
    assert done.code == 1
    assert "remote:  !     Step 2 failed." in done.err
    assert "remote:  !     Read on." in done.err
    assert "! [remote rejected] main -> main (Step 2 failed.)" in done.err
    assert world.refs() == {}
    wait_until(lambda: world.quarantines() == [])
    assert "v2 is live" in world.push(ann, work).err


def test_output_is_masked(world: World, ann: Person, work: Path) -> None:
    world.builder.output = ["\x1b[31mred\x1b[0m \x1b]0;title\x07bell\x07"]
    done = world.git(ann, work, "push", "empire", "main")
    assert "red bell" in done.err
    assert "\x1b[31m" not in done.err
    assert "\x07" not in done.err


def test_output_streams_as_it_happens_and_a_quiet_build_keeps_the_line_alive(
    world: World, ann: Person, work: Path
) -> None:
    gate = world.builder.hold("build")
    trace = world.folder / "trace"
    with world.pushing(ann, work, GIT_TRACE_PACKET=str(trace)) as push:
        assert push.stderr
        seen = ""
        while "Step 1 of 1" not in seen:
            seen += push.stderr.readline().decode()
        wait_until(lambda: trace.exists() and r"sideband< \1" in trace.read_text())
        assert push.poll() is None
        gate.set()
        assert push.wait(60) == 0


def test_a_cut_line_leaves_the_deployment_running(world: World, ann: Person, work: Path) -> None:
    gate = world.builder.hold("build")
    with world.pushing(ann, work) as push:
        world.builder.wait_for("build")
        push.kill()
    gate.set()
    wait_until(lambda: world.refs() == {"refs/heads/main": world.head(work)})
    wait_until(lambda: world.quarantines() == [])


def test_ctrl_c_leaves_the_deployment_running(world: World, ann: Person, work: Path) -> None:
    gate = world.builder.hold("build")
    with world.pushing(ann, work) as push:
        world.builder.wait_for("build")
        push.send_signal(2)
        push.wait(60)
    gate.set()
    wait_until(lambda: world.refs() == {"refs/heads/main": world.head(work)})


def test_the_same_commit_again_attaches_to_its_running_deployment(
    world: World, ann: Person, work: Path
) -> None:
    gate = world.builder.hold("build")
    with world.pushing(ann, work) as first:
        world.builder.wait_for("build")
        with world.pushing(ann, work) as second:
            assert second.stderr
            seen = ""
            while "Building with Fake" not in seen:
                seen += second.stderr.readline().decode()
            wait_until(lambda: len(world.quarantines()) == 2)
            gate.set()
            assert second.wait(60) == 0
            assert "v2 is live" in second.stderr.read().decode()
        assert first.wait(60) == 0
    assert len(world.builder.called("build")) == 1
    assert world.quarantines() == []


def test_progress_is_shown_to_a_person_who_looks_on(world: World, ann: Person, work: Path) -> None:
    text = "\n".join(f"line {number}" for number in range(2000))
    for number in range(5):
        commit(world, ann, work, {"long.txt": f"{text}\n{number}\n"})
    world.git(ann, work, "repack", "-adq")
    done = world.git(ann, work, "push", "--progress", "empire", "main")
    assert re.search(r"remote: Resolving deltas: 100% \(\d+/\d+\), done", done.err)


def test_a_line_of_the_deployment_is_never_taken_for_git(
    world: World, ann: Person, work: Path
) -> None:
    world.builder.output = ["0000", "x" * 3000, "é" * 600]
    done = world.git(ann, work, "push", "empire", "main")
    assert done.code == 0
    assert str(Line("x" * 3000)) in done.err.replace("remote: ", "")


def test_a_fault_of_the_server_gets_a_reference(world: World, ann: Person, work: Path) -> None:
    world.settings.repositories.mkdir()
    world.repository().write_text("not a folder")
    done = world.git(ann, work, "push", "empire", "main")
    assert done.code == 1
    assert "Something went wrong inside Empire (reference " in done.err
    assert "Traceback" not in done.all
    assert "[remote rejected] main -> main (Something went wrong inside Empire" in done.err
    assert world.git(ann, work, "fetch", "empire").code == 128


def test_many_pushes_at_once_all_end_right(world: World, ann: Person) -> None:
    clones = [world.clone_of(ann, f"work-{number}", f"app-{number}") for number in range(12)]
    with ThreadPoolExecutor(12) as pool:
        assert all(pool.map(lambda clone: world.push(ann, clone).code == 0, clones))
    for number, clone in enumerate(clones):
        assert world.refs(f"app-{number}") == {"refs/heads/main": world.head(clone)}
