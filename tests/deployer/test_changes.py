"""Rollbacks, scaling, restarts and renames: changes that need no build."""

import pytest

from empire import apps, line, manifests, releases, routing
from empire.deployments import Deployment
from empire.errors import Conflict, StartFailed
from empire.events import Failed, Live
from empire.formation import ALL, Change
from empire.names import AppName
from tests.line import Line
from tests.waiting import wait_until


def rollback(the: Line, app: str, to: str) -> Deployment:
    with the.store.writing() as session:
        found = apps.find(session, app)
        return line.submit_rollback(
            session, found, releases.find(session, found.id, to), by=the.ann
        )


def changed(the: Line, app: str, change: Change) -> Deployment:
    with the.store.writing() as session:
        return line.submit_formation(session, apps.find(session, app), change, by=the.ann)


def ended(the: Line, deployment: Deployment) -> Live | Failed:
    last = the.told(deployment)[-1]
    assert isinstance(last, Live | Failed)
    the.settle()
    return last


def test_a_rollback_brings_image_and_config_back(line: Line) -> None:
    line.make("hello")
    line.shipped("hello", "a")
    with line.working():
        new = line.config("hello", A="1")
        assert new
        ended(line, new)
        ended(line, line.push("hello", "b"))
        back = rollback(line, "hello", "v2")
        assert ended(line, back) == Live(5, "http://hello.localhost:8080")
    with line.store.reading() as session:
        app = apps.find(session, "hello")
        newest, old = releases.newest(session, app.id), releases.find(session, app.id, "v2")
        assert (newest.image, newest.commit) == (old.image, old.commit)
        assert releases.config_of(session, newest) == {}
    assert line.running("hello") == [(back.number, "web.1")]
    assert len(line.outside.builder.called("build")) == 2


@pytest.mark.parametrize(("to", "why"), [("v1", "It has no image"), ("v3", "It never ran")])
def test_what_never_ran_is_not_gone_back_to(line: Line, to: str, why: str) -> None:
    line.make("hello")
    line.shipped("hello", "a")
    line.outside.scheduler.fail("start", StartFailed("It exited."))
    line.shipped("hello", "b")
    with pytest.raises(Conflict) as caught:
        rollback(line, "hello", to)
    assert why in caught.value.why


def test_a_release_whose_image_is_gone_is_not_gone_back_to(line: Line) -> None:
    object.__setattr__(line.store.settings, "releases_kept", 1)
    line.make("hello")
    line.shipped("hello", "a")
    line.shipped("hello", "b")
    with pytest.raises(Conflict, match="The image of v2 is gone"):
        rollback(line, "hello", "v2")


def test_scaling_up_starts_only_what_is_missing(line: Line) -> None:
    line.make("hello")
    pushed = line.shipped("hello")
    with line.working():
        more = changed(line, "hello", Change({"web": (3, "1X")}))
        assert isinstance(ended(line, more), Live)
        assert line.running("hello") == [
            (pushed.number, "web.1"), (more.number, "web.2"), (more.number, "web.3"),
        ]  # fmt: skip
        assert line.routed("hello") == [pushed.number, more.number, more.number]
        less = changed(line, "hello", Change({"web": (1, "1X")}))
        ended(line, less)
        assert line.running("hello") == [(pushed.number, "web.1")]
        larger = changed(line, "hello", Change({"web": (1, "2X")}))
        ended(line, larger)
        assert line.running("hello") == [(larger.number, "web.1")]
        none = changed(line, "hello", Change({"web": (0, "1X")}))
        assert ended(line, none) == Live(2, "")
        assert line.running("hello") == []


def test_a_restart_replaces_what_it_names(line: Line) -> None:
    line.make("hello")
    pushed = line.shipped("hello")
    with line.working():
        more = changed(line, "hello", Change({"web": (2, "1X")}))
        ended(line, more)
        one = changed(line, "hello", Change(restarts=("web.1",)))
        ended(line, one)
        assert line.running("hello") == [(more.number, "web.2"), (one.number, "web.1")]
        every = changed(line, "hello", Change(restarts=(ALL,)))
        ended(line, every)
    assert line.running("hello") == [(every.number, "web.1"), (every.number, "web.2")]
    assert pushed.number not in line.routed("hello")


def test_a_scale_that_fails_leaves_what_runs(line: Line) -> None:
    line.make("hello")
    pushed = line.shipped("hello")
    with line.working():
        line.outside.scheduler.fail("start", StartFailed("No room."))
        more = changed(line, "hello", Change({"web": (2, "1X")}))
        assert ended(line, more) == Failed("start_failed", "No room.")
        assert line.running("hello") == [(pushed.number, "web.1")]
        assert line.routed("hello") == [pushed.number]
    with line.store.reading() as session:
        manifest = manifests.live(session, apps.find(session, "hello"))
    assert manifest
    assert manifest.processes[0].quantity == 1


def test_an_app_without_a_version_is_not_scaled(line: Line) -> None:
    line.make("hello")
    with pytest.raises(Conflict, match="no version that could run"):
        changed(line, "hello", Change({"web": (2, "1X")}))


def test_a_scale_behind_a_first_push_that_fails_fails_too(line: Line) -> None:
    line.make("hello")
    gate = line.outside.scheduler.hold("start")
    line.outside.scheduler.fail("start", StartFailed("web.1 exited with code 1."))
    with line.working():
        line.push("hello", "a")
        line.outside.scheduler.wait_for("start")
        scaled = changed(line, "hello", Change({"web": (2, "1X")}))
        gate.set()
        failed = ended(line, scaled)
    assert isinstance(failed, Failed)
    assert "no version that could run" in failed.what


def test_scaled_dynos_come_back_after_a_restart_of_the_server(line: Line) -> None:
    line.make("hello")
    pushed = line.shipped("hello")
    with line.working():
        more = changed(line, "hello", Change({"web": (2, "1X")}))
        ended(line, more)
    both = [(pushed.number, "web.1"), (more.number, "web.2")]
    assert line.running("hello") == both
    line.outside.scheduler.running.clear()
    with line.working():
        wait_until(lambda: line.running("hello") == both, "both dynos are back")
        wait_until(lambda: line.routed("hello") == [pushed.number, more.number], "they are routed")


def test_a_renamed_app_keeps_running_under_its_new_name(line: Line) -> None:
    line.make("hello")
    pushed = line.shipped("hello")
    with line.store.writing() as session:
        app = apps.find(session, "hello")
        apps.rename(session, app, "hello", by=line.ann)
        apps.rename(session, app, "howdy", by=line.ann)
        apps.maintain(session, app, True, by=line.ann)
        with pytest.raises(Conflict, match="already an app named howdy"):
            apps.create(session, "howdy", by=line.ann)
        second = apps.create(session, "hello", by=line.ann)
        assert second.handle.startswith("hello-")
    routing.refresh(line.store, line.outside.platform, AppName("hello"))
    names, _ = line.outside.router.routes[AppName("hello")][:2]
    assert names == ("howdy.localhost",)
    assert line.running("hello") == [(pushed.number, "web.1")]
