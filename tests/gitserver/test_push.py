"""Pushes of branches with the real git client: what goes live and what is refused."""

from pathlib import Path

from tests.gitserver.world import Person, World, commit


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
