"""Which commits of a client's shallow boundary are kept."""

from pathlib import Path

from empire.names import Sha
from gitserver import shallow
from gitserver.repositories import read_shallow
from tests.gitserver.world import Person, World, commit


def test_only_commits_that_came_without_their_parents_are_kept(
    world: World, ann: Person, work: Path
) -> None:
    root = Sha(world.head(work))
    second = Sha(commit(world, ann, work, {"a": "1"}))
    blob = Sha(world.git(ann, work, "rev-parse", "HEAD:a").out.strip())
    absent = Sha("1" * 40)
    pushed = frozenset({root, second, blob, absent})
    shallow.widen(work / ".git", pushed)
    assert read_shallow(work / ".git") == pushed
    shallow.trim(work / ".git", world.repository(), pushed)
    assert read_shallow(work / ".git") == set()
