"""Pushes with the real git client: what goes live, what is kept, what the pusher reads."""

import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from empire.errors import BuildFailed
from empire.events import Line
from tests.gitserver.world import Person, World, commit, until


def test_a_push_deploys_and_says_so(world: World, ann: Person, work: Path) -> None:
    done = world.git(ann, work, "push", "empire", "main")
    assert done.code == 0, done.all
    assert "remote: -----> Created app hello" in done.err
    assert "remote: -----> Building with Fake" in done.err
    assert "remote: -----> v2 is live at http" in done.err
    assert world.refs() == {"refs/heads/main": world.head(work)}
    assert world.quarantines() == []


def test_the_next_push_sends_only_what_is_new(world: World, ann: Person, work: Path) -> None:
    world.push(ann, work)
    head = commit(world, ann, work, {"app.py": "print('two')\n"})
    done = world.push(ann, work)
    assert "v3 is live" in done.err
    assert world.refs() == {"refs/heads/main": head}
    assert "Everything up-to-date" in world.git(ann, work, "push", "empire", "main").err


def test_head_to_main_and_detached_heads_deploy(world: World, ann: Person, work: Path) -> None:
    world.git(ann, work, "checkout", "-q", "-b", "feature")
    assert world.git(ann, work, "push", "empire", "HEAD:main").code == 0
    commit(world, ann, work, {"a": "1"})
    world.git(ann, work, "checkout", "-q", "--detach")
    assert world.git(ann, work, "push", "empire", "HEAD:refs/heads/main").code == 0
    assert world.refs() == {"refs/heads/main": world.head(work)}


def test_master_may_be_the_first_deploy_branch_and_then_main_is_not(
    world: World, ann: Person, work: Path
) -> None:
    assert world.git(ann, work, "push", "empire", "main:master").code == 0
    assert set(world.refs()) == {"refs/heads/master"}
    commit(world, ann, work, {"a": "1"})
    done = world.git(ann, work, "push", "empire", "main")
    assert done.code == 1
    assert "[remote rejected] main -> main (only master is deployed)" in done.err
    assert "git push empire main:master" in done.err
    assert world.git(ann, world.folder, "clone", "-q", world.url(), "copy").code == 0
    assert world.git(ann, world.folder / "copy", "branch").out == "* master\n"


def test_another_branch_is_refused_with_the_command_that_deploys_it(
    world: World, ann: Person, work: Path
) -> None:
    done = world.git(ann, work, "push", "empire", "main:feature/x")
    assert done.code == 1
    assert "[remote rejected] main -> feature/x (only main is deployed)" in done.err
    assert "To deploy feature/x type: git push empire feature/x:main" in done.err
    assert world.refs() == {}
    assert world.quarantines() == []


def test_two_deploy_branches_at_once_deploy_one(world: World, ann: Person, work: Path) -> None:
    done = world.git(ann, work, "push", "empire", "main:main", "main:master")
    assert done.code == 1
    assert "(refs/heads/master: one push deploys one branch)" in done.err
    assert world.refs() == {"refs/heads/main": world.head(work)}


def test_deleting_the_deploy_branch_is_refused(world: World, ann: Person, work: Path) -> None:
    world.push(ann, work)
    done = world.git(ann, work, "push", "empire", ":main")
    assert done.code == 1
    assert "[remote rejected] main (main is what runs and cannot be deleted)" in done.err
    assert "empire apps:destroy" in done.err
    assert world.refs() == {"refs/heads/main": world.head(work)}


def test_refs_that_are_neither_branch_nor_tag_are_refused(
    world: World, ann: Person, work: Path
) -> None:
    done = world.git(ann, work, "push", "empire", "main:refs/notes/x")
    assert "(only branches and tags are kept, not 'refs/notes/x')" in done.err
    assert world.refs() == {}


def test_tags_are_kept_without_a_deployment(world: World, ann: Person, work: Path) -> None:
    world.push(ann, work)
    head = world.head(work)
    world.git(ann, work, "tag", "light")
    world.git(ann, work, "tag", "-a", "-m", "Annotated", "v1.0")
    done = world.git(ann, work, "push", "empire", "--tags")
    assert done.code == 0, done.all
    assert "live" not in done.err
    assert world.refs()["refs/tags/light"] == head
    assert world.git(ann, work, "ls-remote", "empire").out.count(f"{head}\trefs/tags/") == 2
    assert world.git(ann, work, "push", "empire", ":light").code == 0
    assert set(world.refs()) == {"refs/heads/main", "refs/tags/v1.0"}
    assert world.quarantines() == []


def test_a_tag_that_cannot_stand_beside_another_is_refused_with_gits_words(
    world: World, ann: Person, work: Path
) -> None:
    world.git(ann, work, "tag", "v1")
    world.git(ann, work, "tag", "other")
    done = world.git(ann, work, "push", "empire", "v1", "other:refs/tags/v1/x")
    assert done.code == 1
    assert "[remote rejected] other -> v1/x (cannot lock ref" in done.err
    assert set(world.refs()) == {"refs/tags/v1"}


def test_tags_go_with_the_branch_and_keep_their_own_fate(
    world: World, ann: Person, work: Path
) -> None:
    world.git(ann, work, "tag", "v1")
    world.builder.fail("build", BuildFailed("The build failed."))
    done = world.git(ann, work, "push", "empire", "main", "v1")
    assert done.code == 1
    assert "[new tag]" in done.err
    assert "[remote rejected] main -> main (The build failed.)" in done.err
    assert set(world.refs()) == {"refs/tags/v1"}
    assert world.git(ann, world.folder, "clone", "-q", "-b", "v1", world.url(), "c").code == 0


def test_an_atomic_push_is_all_or_nothing(world: World, ann: Person, work: Path) -> None:
    world.git(ann, work, "tag", "v1")
    refused = world.git(ann, work, "push", "--atomic", "empire", "main", "v1", "main:feature")
    assert refused.code == 1
    assert "main -> main (atomic push failed: another ref was rejected)" in refused.err
    assert world.refs() == {}
    world.builder.fail("build", BuildFailed("The build failed."))
    failed = world.git(ann, work, "push", "--atomic", "empire", "main", "v1")
    assert "v1 -> v1 (atomic push failed: another ref was rejected)" in failed.err
    assert world.refs() == {}
    assert world.git(ann, work, "push", "--atomic", "empire", "main", "v1").code == 0
    assert set(world.refs()) == {"refs/heads/main", "refs/tags/v1"}


def test_an_atomic_push_of_tags_alone_is_all_or_nothing(
    world: World, ann: Person, work: Path
) -> None:
    world.git(ann, work, "tag", "v1")
    words = ("push", "--atomic", "empire", "v1", "v1:refs/tags/v2", "v1:refs/tags/v2/x")
    done = world.git(ann, work, *words)
    assert done.code == 1
    assert world.refs() == {}
    assert world.objects() == []


def test_forced_pushes_replace_history(world: World, ann: Person, work: Path) -> None:
    world.push(ann, work)
    world.git(ann, work, "commit", "-q", "--amend", "-m", "Other")
    assert "[rejected]" in world.git(ann, work, "push", "empire", "main").err
    assert world.git(ann, work, "push", "-f", "empire", "main").code == 0
    assert world.refs() == {"refs/heads/main": world.head(work)}


def test_a_forced_push_goes_back_to_an_older_commit(world: World, ann: Person, work: Path) -> None:
    world.push(ann, work)
    first = world.head(work)
    commit(world, ann, work, {"a": "1"})
    world.push(ann, work)
    assert world.git(ann, work, "push", "-f", "empire", f"{first}:main").code == 0
    assert world.refs() == {"refs/heads/main": first}
    assert world.fsck() == ""


def test_a_lease_is_held_by_the_client_and_the_server(
    world: World, ann: Person, work: Path
) -> None:
    world.push(ann, work)
    first = world.head(work)
    world.git(ann, work, "commit", "-q", "--amend", "-m", "Other")
    stale = world.git(ann, work, "push", f"--force-with-lease=main:{'1' * 40}", "empire", "main")
    assert "stale info" in stale.err
    done = world.git(ann, work, "push", f"--force-with-lease=main:{first}", "empire", "main")
    assert done.code == 0, done.all
    assert world.refs() == {"refs/heads/main": world.head(work)}


def test_a_ref_that_moved_since_it_was_seen_is_refused(
    world: World, ann: Person, work: Path
) -> None:
    """A client that read the refs before another push landed must not undo that push."""
    world.push(ann, work)
    seen = world.head(work)
    commit(world, ann, work, {"a": "1"})
    world.push(ann, work)
    zero, now = "0" * 40, world.head(work)
    lines = [f"{seen} {zero} refs/tags/x\0report-status", f"{zero} {now} refs/heads/main"]
    done = world.talk(ann, "git-receive-pack 'hello'", world.pkt(*lines) + world.empty_pack())
    assert "ng refs/tags/x refs/tags/x is gone; somebody was faster" in done
    assert f"ng refs/heads/main refs/heads/main is at {now[:8]} now; somebody was faster" in done


def test_porcelain_output_is_gits_own(world: World, ann: Person, work: Path) -> None:
    done = world.git(ann, work, "push", "--porcelain", "empire", "main", "main:feature")
    assert "*\trefs/heads/main:refs/heads/main\t[new branch]" in done.out
    assert "!\trefs/heads/main:refs/heads/feature\t[remote rejected] (only main" in done.out


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
    until(lambda: world.quarantines() == [])
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
        until(lambda: trace.exists() and r"sideband< \1" in trace.read_text())
        assert push.poll() is None
        gate.set()
        assert push.wait(20) == 0


def test_a_cut_line_leaves_the_deployment_running(world: World, ann: Person, work: Path) -> None:
    gate = world.builder.hold("build")
    with world.pushing(ann, work) as push:
        world.builder.wait_for("build")
        push.kill()
    gate.set()
    until(lambda: world.refs() == {"refs/heads/main": world.head(work)})
    until(lambda: world.quarantines() == [])


def test_ctrl_c_leaves_the_deployment_running(world: World, ann: Person, work: Path) -> None:
    gate = world.builder.hold("build")
    with world.pushing(ann, work) as push:
        world.builder.wait_for("build")
        push.send_signal(2)
        push.wait(20)
    gate.set()
    until(lambda: world.refs() == {"refs/heads/main": world.head(work)})


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
            until(lambda: len(world.quarantines()) == 2)
            gate.set()
            assert second.wait(20) == 0
            assert "v2 is live" in second.stderr.read().decode()
        assert first.wait(20) == 0
    assert len(world.builder.called("build")) == 1
    assert world.quarantines() == []


def test_a_shallow_clone_can_push_to_its_origin(world: World, ann: Person, work: Path) -> None:
    for number in range(3):
        commit(world, ann, work, {"a": str(number)})
    world.push(ann, work)
    url = world.url()
    world.git(ann, world.folder, "clone", "-q", "--depth", "1", url, "shallow")
    clone = world.folder / "shallow"
    assert world.git(ann, clone, "rev-list", "--count", "HEAD").out == "1\n"
    commit(world, ann, clone, {"b": "1"})
    done = world.git(ann, clone, "push", "origin", "main")
    assert done.code == 0, done.all
    assert not (world.repository() / "shallow").exists()
    assert world.fsck() == ""


def test_a_shallow_clone_of_elsewhere_can_be_the_first_push(
    world: World, ann: Person, work: Path
) -> None:
    for number in range(3):
        commit(world, ann, work, {"a": str(number)})
    world.git(ann, world.folder, "clone", "-q", "--depth", "1", f"file://{work}", "shallow")
    clone = world.folder / "shallow"
    assert world.git(ann, clone, "push", world.url(), "main").code == 0
    assert (world.repository() / "shallow").read_text() == f"{world.head(work)}\n"
    commit(world, ann, clone, {"b": "1"})
    assert world.git(ann, clone, "push", world.url(), "main").code == 0
    assert world.fsck() == ""
    assert world.git(ann, world.folder, "clone", "-q", world.url(), "copy").code == 0
    assert (world.folder / "copy" / "b").read_text() == "1"


def test_keys_are_exchanged_anew_in_the_middle_of_a_pack(
    world: World, ann: Person, work: Path
) -> None:
    noise = subprocess.run(["head", "-c", "12000000", "/dev/urandom"], capture_output=True).stdout
    (work / "noise.bin").write_bytes(noise)
    commit(world, ann, work, {})
    env = world.env(ann, "-o", "RekeyLimit=1M")
    done = world.run(["git", "-C", str(work), "push", "empire", "main"], env)
    assert done.code == 0, done.all
    assert world.fsck() == ""
    env = world.env(ann, "-o", "RekeyLimit=1M")
    clone = ["git", "clone", "-q", world.url(), str(world.folder / "copy")]
    assert world.run(clone, env).code == 0
    assert (world.folder / "copy" / "noise.bin").read_bytes() == noise


def test_progress_is_shown_to_a_person_who_looks_on(world: World, ann: Person, work: Path) -> None:
    text = "\n".join(f"line {number}" for number in range(2000))
    for number in range(5):
        commit(world, ann, work, {"long.txt": f"{text}\n{number}\n"})
    world.git(ann, work, "repack", "-adq")
    done = world.git(ann, work, "push", "--progress", "empire", "main")
    assert re.search(r"remote: Resolving deltas: 100% \(\d+/\d+\), done", done.err)


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
def test_every_kind_of_key_is_taken(world: World, kind: str) -> None:
    person = world.person("kim", kind=kind)
    done = world.ssh(person, "anybody@127.0.0.1")
    assert "Hi kim!" in done.err


def test_a_line_of_the_deployment_is_never_taken_for_git(
    world: World, ann: Person, work: Path
) -> None:
    world.builder.output = ["0000", "x" * 3000, "é" * 600]
    done = world.git(ann, work, "push", "empire", "main")
    assert done.code == 0
    assert str(Line("x" * 3000)) in done.err.replace("remote: ", "")


def test_a_client_that_keeps_its_side_open_gets_its_report(
    world: World, ann: Person, work: Path
) -> None:
    """Not every git client says when its pack ends; the pack says it itself."""
    ssh = ["ssh", *world.ssh_options(ann), "-p", str(world.server.port), "git@127.0.0.1"]
    line = f"{'0' * 40} {world.head(work)} refs/heads/main\0report-status"
    pack = subprocess.run(
        ["git", "-C", str(work), "pack-objects", "--stdout", "-q", "--revs"],
        input=b"HEAD\n",
        capture_output=True,
        check=True,
    ).stdout
    with subprocess.Popen(
        [*ssh, "git-receive-pack hello"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as push:
        assert push.stdin
        assert push.stdout
        push.stdin.write(world.pkt(line) + pack)
        push.stdin.flush()
        assert b"ok refs/heads/main" in push.stdout.read()
        push.stdin.close()
    assert push.returncode == 0


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


def test_only_deletions_send_no_pack(world: World, ann: Person, work: Path) -> None:
    done = world.git(ann, work, "push", "empire", ":refs/tags/none", ":refs/heads/x")
    assert "only main is deployed" in done.err
    assert world.quarantines() == []
