"""Cleaning up behind what ended, and what must not be cleaned up."""

import threading
import time

from deployer.settle import Builds
from empire import apps, leases, releases, remains
from empire import line as entrance
from empire.deployments import Step
from empire.events import Live
from empire.formation import Change
from empire.names import AppName
from tests.deployer.test_changes import changed
from tests.fakes import image_ref
from tests.line import Line
from tests.waiting import PATIENCE_SECONDS, wait_until

HELLO, OTHER = AppName("hello"), AppName("other")


def test_the_old_version_drains_before_it_is_retired(line: Line) -> None:
    line.make("hello")
    line.shipped("hello", "a")
    old = line.outside.scheduler.dynos(HELLO)[0]
    gate = line.outside.router.hold("drain")
    with line.working():
        new = line.push("hello", "b")
        assert isinstance(line.told(new)[-1], Live)
        line.outside.router.wait_for("drain", 2)
        assert line.outside.router.called("drain")[-1] == ((old.target,),)
        assert old in line.outside.scheduler.dynos(HELLO)
        gate.set()
        line.settle()
    assert old not in line.outside.scheduler.dynos(HELLO)


def test_the_next_push_does_not_wait_for_the_old_version_to_drain(line: Line) -> None:
    line.make("hello")
    line.shipped("hello", "a")
    gate = line.outside.router.hold("drain")
    with line.working():
        line.told(line.push("hello", "b"))
        assert isinstance(line.told(line.push("hello", "c"))[-1], Live)
        gate.set()
        line.settle()
    assert len(line.running("hello")) == 1


def test_each_version_drains_by_itself(line: Line) -> None:
    line.make("hello")
    line.shipped("hello", "a")
    first = line.outside.scheduler.dynos(HELLO)[0]
    gate = line.outside.router.hold("drain")
    with line.working():
        second = line.push("hello", "b")
        line.told(second)
        line.outside.router.wait_for("drain", 2)
        [replaced] = [
            d for d in line.outside.scheduler.dynos(HELLO) if d.deployment == second.number
        ]
        line.told(line.push("hello", "c"))
        line.outside.router.wait_for("drain", 3)
        assert line.outside.router.called("drain")[1:] == [
            ((first.target,),),
            ((replaced.target,),),
        ]
        gate.set()
        line.settle()
    assert len(line.running("hello")) == 1


def test_what_a_draining_change_kept_is_stopped_by_what_replaces_it(line: Line) -> None:
    line.make("hello")
    line.shipped("hello", "a")
    with line.working():
        line.told(changed(line, "hello", Change({"web": (2, "1X")})))
        line.settle()
        gate = line.outside.router.hold("drain")
        line.told(changed(line, "hello", Change({"web": (1, "1X")})))
        newest = line.push("hello", "b")
        line.told(newest)
        line.outside.router.wait_for("drain", 4)
        gate.set()
        line.settle()
    assert line.running("hello") == [(newest.number, "web.1")]


def test_pruning_waits_for_builds_of_its_app_alone() -> None:
    builds = Builds()
    with builds.running(HELLO):
        with builds.none_running(HELLO) as may_prune:
            assert not may_prune
        with builds.none_running(OTHER) as may_prune:
            assert may_prune
    with builds.none_running(HELLO) as may_prune:
        assert may_prune


def test_a_build_waits_until_its_app_is_pruned_and_others_do_not() -> None:
    builds, begun = Builds(), threading.Event()

    def build() -> None:
        with builds.running(HELLO):
            begun.set()

    thread = threading.Thread(target=build)
    with builds.none_running(HELLO):
        thread.start()
        with builds.running(OTHER):
            assert not begun.is_set()
    thread.join(PATIENCE_SECONDS)
    assert begun.is_set()


def test_an_image_that_waits_for_its_release_is_not_pruned(line: Line) -> None:
    line.make("hello")
    pushed = line.shipped("hello", "a")
    with line.store.reading() as session:
        assert remains.images_of_open(session, pushed.app_id) == frozenset()
    gate = line.outside.scheduler.hold("start")
    with line.working():
        line.push("hello", "b")
        line.outside.scheduler.wait_for("start", 2)
        with line.store.reading() as session:
            found = remains.images_of_open(session, pushed.app_id)
        assert found == {image_ref("b" * 40)}
        gate.set()
        line.settle()


def test_an_image_that_a_rollback_waits_for_is_not_pruned(line: Line) -> None:
    line.make("hello")
    line.shipped("hello", "a")
    with line.store.writing() as session:
        app = apps.find(session, "hello")
        to = releases.find(session, app.id, "v2")
        entrance.submit_rollback(session, app, to, by=line.ann)

    with line.store.reading() as session:
        assert remains.images_of_open(session, app.id) == {to.image}


def test_what_settles_late_leaves_a_new_app_of_the_same_name_alone(line: Line) -> None:
    line.make("hello")
    line.shipped("hello", "a")
    gate = line.outside.router.hold("drain")
    with line.working():
        line.told(line.push("hello", "b"))
        line.outside.router.wait_for("drain", 2)
        line.destroy("hello")
        line.settle()
        line.make("hello")
        new = line.push("hello", "c")
        assert isinstance(line.told(new)[-1], Live)
        gate.set()
        line.settle()
        wait_until(lambda: not carriers(), "every carrier ended")
    assert line.outside.registry.images[HELLO] == {image_ref("c" * 40)}
    assert line.running("hello") == [(new.number, "web.1")]


def carriers() -> list[threading.Thread]:
    """Return the threads that carry a deployment now."""
    return [thread for thread in threading.enumerate() if thread.name.startswith("deployment-")]


def test_a_commit_that_lands_late_does_not_take_the_ref_back(line: Line) -> None:
    line.make("hello")
    line.outside.sources.fail("land", OSError("No space left on device"))
    with line.working():
        first = line.push("hello", "a")
        line.outside.sources.wait_for("land")
    # The first one is live, its commit did not land, and now somebody else holds it for a while.
    with line.store.writing() as session:
        assert leases.claim(session, "elsewhere:1", time.time(), 3600)
    with line.working():
        second = line.push("hello", "b")
        wait_until(lambda: line.row(second).step == Step.LIVE, "the second is live")
        with line.store.writing() as session:
            leases.release(session, leases.held(session, first.number or 0, "elsewhere:1"))
        line.settle()
    assert line.outside.sources.landed[HELLO] == {"refs/heads/main": "b" * 40}
    with line.store.reading() as session:
        assert apps.find(session, "hello").deploy_branch == "main"
