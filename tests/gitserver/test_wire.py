"""Packs and their transport: shallow clones, new keys in the middle, other clients."""

import subprocess
from pathlib import Path

import pytest

from tests.gitserver.world import Person, World, commit


def test_porcelain_output_is_gits_own(world: World, ann: Person, work: Path) -> None:
    done = world.git(ann, work, "push", "--porcelain", "empire", "main", "main:feature")
    assert "*\trefs/heads/main:refs/heads/main\t[new branch]" in done.out
    assert "!\trefs/heads/main:refs/heads/feature\t[remote rejected] (only main" in done.out


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


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
def test_every_kind_of_key_is_taken(world: World, kind: str) -> None:
    person = world.person("kim", kind=kind)
    done = world.ssh(person, "anybody@127.0.0.1")
    assert "Hi kim!" in done.err


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
