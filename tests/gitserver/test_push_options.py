"""What `git push -o` changes."""

from pathlib import Path

from empire import deployments
from tests.gitserver.world import Person, World, until


def test_a_message_stands_in_for_the_commits_subject(world: World, ann: Person, work: Path) -> None:
    done = world.git(ann, work, "push", "-o", "message= Hot fix ", "empire", "main")
    assert done.code == 0, done.all
    with world.store.reading() as session:
        newest = session.get_one(deployments.Deployment, 1)
    assert newest.subject == "Hot fix"


def test_a_detached_push_does_not_wait(world: World, ann: Person, work: Path) -> None:
    gate = world.builder.hold("build")
    done = world.git(ann, work, "push", "-o", "detach", "empire", "main")
    assert done.code == 0, done.all
    assert "Deployment 1 goes on by itself: empire deploys:output 1" in done.err
    assert "is live" not in done.err
    gate.set()
    until(lambda: world.refs() == {"refs/heads/main": world.head(work)})


def test_an_unknown_option_is_refused_by_name(world: World, ann: Person, work: Path) -> None:
    for option in ("ci.skip", "message=", "detach=yes"):
        done = world.git(ann, work, "push", "-o", option, "empire", "main")
        assert done.code == 1
        assert f"there is no push option '{option}'" in done.err
        assert "git push -o takes detach, dry-run, message=TEXT and no-cache." in done.err
    assert world.refs() == {}
    assert world.quarantines() == []


def test_a_flood_of_options_is_refused(world: World, ann: Person, work: Path) -> None:
    options = [word for number in range(101) for word in ("-o", f"x={number}")]
    assert world.git(ann, work, "push", *options, "empire", "main").code != 0
    assert world.refs() == {}
