"""Clone, fetch and ls-remote with the real git client."""

import subprocess
from pathlib import Path

import pytest

from empire.users import Role
from tests.gitserver.world import Person, World, commit


@pytest.mark.parametrize("version", ["0", "1", "2"])
def test_clones_are_whole_in_every_protocol(
    world: World, ann: Person, work: Path, version: str
) -> None:
    noise = subprocess.check_output(["head", "-c", "8000000", "/dev/urandom"])
    (work / "noise.bin").write_bytes(noise)
    head = commit(world, ann, work, {"b": "2"})
    world.push(ann, work)
    words = ("-c", f"protocol.version={version}", "clone", "-q", world.url(), "copy")
    assert world.git(ann, world.folder, *words).code == 0
    copy = world.folder / "copy"
    assert world.head(copy) == head
    assert (copy / "noise.bin").read_bytes() == noise
    assert world.git(ann, copy, "fsck", "--full").code == 0


def test_fetch_brings_what_is_new(world: World, ann: Person, work: Path) -> None:
    world.push(ann, work)
    world.git(ann, world.folder, "clone", "-q", world.url(), "copy")
    head = commit(world, ann, work, {"b": "2"})
    world.push(ann, work)
    copy = world.folder / "copy"
    assert world.git(ann, copy, "pull", "-q").code == 0
    assert world.head(copy) == head


def test_ls_remote_shows_the_refs_and_the_head(world: World, ann: Person, work: Path) -> None:
    world.push(ann, work)
    head = world.head(work)
    done = world.git(ann, work, "ls-remote", "--symref", "empire")
    assert done.out == f"ref: refs/heads/main\tHEAD\n{head}\tHEAD\n{head}\trefs/heads/main\n"


def test_shallow_clones_have_the_depth_that_was_asked(
    world: World, ann: Person, work: Path
) -> None:
    for number in range(4):
        commit(world, ann, work, {"a": str(number)})
    world.push(ann, work)
    words = ("clone", "-q", "--depth", "2", world.url(), "copy")
    assert world.git(ann, world.folder, *words).code == 0
    copy = world.folder / "copy"
    assert world.git(ann, copy, "rev-list", "--count", "HEAD").out == "2\n"
    assert world.git(ann, copy, "fetch", "-q", "--unshallow").code == 0
    assert world.git(ann, copy, "rev-list", "--count", "HEAD").out == "5\n"


def test_blobless_clones_fetch_the_rest_when_it_is_needed(
    world: World, ann: Person, work: Path
) -> None:
    world.push(ann, work)
    words = ("clone", "-q", "--filter=blob:none", world.url(), "copy")
    assert world.git(ann, world.folder, *words).code == 0
    assert (world.folder / "copy" / "app.py").exists()


def test_an_app_without_a_push_is_an_empty_clone(world: World, ann: Person) -> None:
    world.app("hello", ann)
    done = world.git(ann, world.folder, "clone", world.url(), "copy")
    assert done.code == 0
    assert "empty repository" in done.err


def test_who_may_see_an_app_may_clone_it(world: World, ann: Person, work: Path) -> None:
    world.push(ann, work)
    viewer = world.person("vic", Role.VIEWER)
    assert world.git(viewer, world.folder, "clone", "-q", world.url(), "copy").code == 0


def test_a_client_that_leaves_in_the_middle_leaves_no_git_behind(
    world: World, ann: Person, work: Path
) -> None:
    (work / "noise.bin").write_bytes(
        subprocess.check_output(["head", "-c", "20000000", "/dev/urandom"])
    )
    commit(world, ann, work, {})
    world.push(ann, work)
    with subprocess.Popen(
        ["git", "clone", "--progress", world.url(), str(world.folder / "copy")],
        env=world.env(ann),
        stderr=subprocess.PIPE,
    ) as clone:
        assert clone.stderr
        assert clone.stderr.read(40)
        clone.kill()
    assert world.git(ann, work, "ls-remote", "empire").code == 0
