"""Tags, and several refs in one push."""

from pathlib import Path

from empire.errors import BuildFailed
from tests.gitserver.world import Person, World


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


def test_only_deletions_send_no_pack(world: World, ann: Person, work: Path) -> None:
    done = world.git(ann, work, "push", "empire", ":refs/tags/none", ":refs/heads/x")
    assert "only main is deployed" in done.err
    assert world.quarantines() == []
