"""Pushes with the real git client: what goes live, what is kept, what the pusher reads."""

from pathlib import Path

from tests.gitserver.world import Person, World


def test_a_push_deploys_and_says_so(world: World, ann: Person, work: Path) -> None:
    done = world.git(ann, work, "push", "empire", "main")
    assert done.code == 0, done.all
    assert "remote: -----> Created app hello" in done.err
    assert "remote: -----> v2 is live at" in done.err
    head = world.git(ann, work, "rev-parse", "HEAD").out.strip()
    assert world.refs() == {"refs/heads/main": head}
    assert world.quarantines() == []
