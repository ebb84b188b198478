"""What `git push -o` changes."""

from pathlib import Path

from sqlmodel import select

from empire import apps, deployments
from empire.apps import App
from empire.errors import BuildFailed
from empire.manifest import Source
from empire.names import AppName
from empire.releases import Release
from tests.gitserver.world import Person, World, commit
from tests.waiting import wait_until


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
    wait_until(lambda: world.refs() == {"refs/heads/main": world.head(work)})


def test_an_unknown_option_is_refused_by_name(world: World, ann: Person, work: Path) -> None:
    for option in (
        "ci.skip",
        "message=",
        "detach=yes",
        "no-cache=foo",
        "dry-run=1",
        "no_cache",
        "",
    ):
        done = world.git(ann, work, "push", "-o", option, "empire", "main")
        assert done.code == 1
        assert f"there is no push option '{option}'" in done.err
        assert "git push -o takes detach, dry-run, message=TEXT and no-cache." in done.err
    assert world.refs() == {}
    assert world.quarantines() == []


def test_an_option_given_twice_is_refused_by_name(world: World, ann: Person, work: Path) -> None:
    for first, second in (("detach", "detach"), ("message=a", "message=b")):
        done = world.git(ann, work, "push", "-o", first, "-o", second, "empire", "main")
        assert done.code == 1
        assert f"the push option '{first.partition('=')[0]}' is given twice" in done.err
    assert world.refs() == {}


def test_options_go_together(world: World, ann: Person, work: Path) -> None:
    options = ("-o", "message=Hot fix", "-o", "no-cache")
    done = world.git(ann, work, "push", *options, "empire", "main")
    assert done.code == 0, done.all
    with world.store.reading() as session:
        newest = session.get_one(deployments.Deployment, 1)
    assert (newest.subject, newest.is_fresh) == ("Hot fix", True)
    assert world.builder.fresh == [newest.id]


def test_a_dry_run_says_what_would_happen_and_keeps_nothing(
    world: World, ann: Person, work: Path
) -> None:
    world.push(ann, work)
    wait_until(lambda: world.quarantines() == [])
    live, files = world.head(work), sorted(world.objects())
    commit(world, ann, work, {"app.py": "print('two')\n"}, "Second")

    done = world.git(
        ann,
        work,
        "push",
        "-o",
        "dry-run",
        "-o",
        "message=Hi",
        "empire",
        "main",
        "HEAD:refs/tags/v1",
    )

    assert done.code == 1
    new = world.head(work)[:8]
    told = [line.removeprefix("remote: ").rstrip() for line in done.err.splitlines()]
    story = told[told.index("-----> Building with Fake") :]
    assert story[: next(at for at, line in enumerate(story) if line.startswith("To "))] == [
        "-----> Building with Fake",
        "-----> Would release v3 of hello",
        f"       Description: Deploy {new}: Hi",
        "       Release phase: none",
        "       Config vars: none",
        "-----> Would start",
        "       web=1:1X (the image's own command)",
        "-----> Would route",
        "       http://hello.localhost:8080 to web",
        "-----> Would differ from v2, which is live",
        f"       image: {shown_image(world)} -> a new one",
        f"       commit: {live[:8]} -> {new}",
        "-----> Dry run: nothing was deployed, and nothing of the push is kept",
    ]
    assert "! [remote rejected] main -> main (dry run: nothing was deployed)" in done.err
    assert "! [remote rejected] HEAD -> v1 (dry run: nothing was deployed)" in done.err
    assert world.refs() == {"refs/heads/main": live}
    assert (world.quarantines(), sorted(world.objects())) == ([], files)
    with world.store.reading() as session:
        assert len(session.exec(select(deployments.Deployment)).all()) == 1
        assert len(session.exec(select(Release)).all()) == 2
    assert len(world.builder.called("build")) == 1


def test_a_dry_run_makes_no_app(world: World, ann: Person, work: Path) -> None:
    done = world.git(ann, work, "push", "-o", "dry-run", "empire", "main")
    assert done.code == 1
    assert "-----> Would create the app hello" in done.err
    assert "-----> Would release v2 of hello" in done.err
    assert "Created app" not in done.err
    assert "differ" not in done.err
    with world.store.reading() as session:
        assert session.exec(select(App)).all() == []
    assert list(world.settings.repositories.iterdir()) == []
    assert world.push(ann, work).code == 0


def test_a_dry_run_in_an_app_without_a_repository_makes_none(
    world: World, ann: Person, work: Path
) -> None:
    world.app("hello", ann)
    done = world.git(ann, work, "push", "-o", "dry-run", "-o", "no-cache", "empire", "main")
    assert "It would be built without any cache" in done.err
    assert "Would create" not in done.err
    assert list(world.settings.repositories.iterdir()) == []


def test_a_dry_run_tells_why_a_push_would_be_refused(world: World, ann: Person, work: Path) -> None:
    world.builder.fail("forecast", BuildFailed("There is nothing to build.", fix="Add an app."))
    done = world.git(ann, work, "push", "-o", "dry-run", "empire", "main")
    assert "! [remote rejected] main -> main (There is nothing to build.)" in done.err
    assert "Add an app." in done.err
    assert "nothing was deployed" not in done.err
    other = world.git(ann, work, "push", "-o", "dry-run", "empire", "main:side")
    assert "only main is deployed" in other.err


def test_a_dry_run_is_for_those_who_may_deploy(world: World, ann: Person, work: Path) -> None:
    world.app("hello", ann)
    bob = world.person("bob")
    done = world.git(bob, work, "push", "-o", "dry-run", "empire", "main")
    assert "There is no app hello, or you may not see it." in done.err


def test_a_dry_run_sees_nothing_of_a_renamed_apps_objects(
    world: World, ann: Person, work: Path
) -> None:
    world.push(ann, work)
    with world.store.writing() as session:
        apps.rename(session, apps.find(session, "hello"), "renamed", by=ann.actor)
    done = world.git(ann, work, "push", "-o", "dry-run", "empire", "main")
    assert "-----> Would create the app hello" in done.err
    (source,) = world.builder.called("forecast")[0]
    assert isinstance(source, Source)
    assert source.app != "hello"
    assert "hello.git" not in source.git_dir.parts
    assert world.builder.called("remove") == [(source.app,)]


def test_what_a_server_that_died_in_a_dry_run_left_is_swept_up(
    world: World, ann: Person, work: Path
) -> None:
    left = world.repositories.trial(AppName("hello"))
    assert left.is_dir()
    world.repositories.sweep(set())
    assert not left.exists()


def shown_image(world: World) -> str:
    """Return the live image as a difference shows it."""
    with world.store.reading() as session:
        newest = session.exec(select(Release).where(Release.version == 2)).one()
    return str(newest.image).rpartition("sha256:")[2][:12]


def test_a_flood_of_options_is_refused(world: World, ann: Person, work: Path) -> None:
    options = [word for number in range(101) for word in ("-o", f"x={number}")]
    assert world.git(ann, work, "push", *options, "empire", "main").code != 0
    assert world.refs() == {}
