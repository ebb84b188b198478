"""A server that starts: what runs is brought in line with what is written."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from deployer.reconcile import RouteKeeper, reconcile
from empire import apps, deployments, manifests, routing
from empire.errors import StartFailed, Unavailable
from empire.events import Live, Stream
from empire.formation import Change
from empire.manifest import Dyno, Manifest, Target
from empire.names import AppName
from empire.platform import IsCancelled
from tests.deployer.test_changes import changed
from tests.fakes import FakeScheduler, never
from tests.line import Line
from tests.streams import result
from tests.waiting import PATIENCE_SECONDS, wait_until

HELLO = AppName("hello")


def reconciled(line: Line) -> None:
    """Reconcile and wait until missing dynos are started."""
    for thread in reconcile(line.store, line.outside.platform):
        thread.join(PATIENCE_SECONDS)


def stray(line: Line, app: str, deployment: int) -> Dyno:
    """Let a dyno run of which the database does not know."""
    scheduler = line.outside.scheduler
    known = next(iter(scheduler.running.values()))
    dyno = replace(
        known, app=AppName(app), deployment=deployment, id=f"{app}-{deployment}",
        target=Target("10.9.9.9", 80),
    )  # fmt: skip
    scheduler.running[dyno.id] = dyno
    return dyno


def test_dynos_of_unknown_apps_and_deployments_are_stopped(line: Line) -> None:
    line.make("hello")
    live = line.shipped("hello")
    stray(line, "stranger", 7)
    stray(line, "hello", 77)
    reconciled(line)
    assert {dyno.id for dyno in line.outside.scheduler.dynos()} == {f"hello-d{live.number}-web-1"}
    assert line.routed("hello") == [live.number]


def test_missing_dynos_are_started_and_routed_to(line: Line) -> None:
    line.make("hello")
    live = line.shipped("hello")
    line.outside.scheduler.running.clear()
    line.outside.router.routes.clear()
    reconciled(line)
    assert line.running("hello") == [(live.number, "web.1")]
    assert line.routed("hello") == [live.number]
    assert line.is_kept("hello")


def test_what_a_killed_server_was_bringing_back_is_kept(line: Line) -> None:
    line.make("hello")
    live = line.shipped("hello")
    with line.store.reading() as session:
        manifest = manifests.live(session, apps.find(session, "hello"))
    assert manifest
    line.outside.scheduler.running.clear()
    line.outside.router.routes.clear()
    result(line.outside.scheduler.start(manifest, never))
    reconciled(line)
    assert line.is_kept("hello")
    assert line.routed("hello") == [live.number]


def test_nothing_is_started_where_nothing_is_live(line: Line) -> None:
    line.make("hello")
    line.config("hello", GREETING="hi")
    reconciled(line)
    assert line.outside.scheduler.called("start") == []
    routing.refresh(line.store, line.outside.platform, HELLO)
    assert line.outside.router.calls == []


@pytest.mark.parametrize("error", [StartFailed("It exited."), OSError("no engine")])
def test_an_app_that_does_not_come_back_holds_nobody_up(line: Line, error: Exception) -> None:
    line.make("hello")
    line.shipped("hello")
    line.outside.scheduler.running.clear()
    line.outside.scheduler.fail("start", error)
    reconciled(line)
    assert line.running("hello") == []


def test_an_app_that_is_being_destroyed_is_not_brought_back(line: Line) -> None:
    line.make("hello")
    line.shipped("hello")
    line.destroy("hello")
    line.outside.scheduler.running.clear()
    before = len(line.outside.scheduler.called("start"))
    reconciled(line)
    routing.refresh(line.store, line.outside.platform, HELLO)
    assert len(line.outside.scheduler.called("start")) == before


def test_dynos_that_still_drain_are_left_to_the_worker(line: Line) -> None:
    line.make("hello")
    old = line.shipped("hello")
    gate = line.outside.router.hold("drain")
    with line.working():
        new = line.push("hello", "b")
        assert isinstance(line.told(new)[-1], Live)
        line.outside.router.wait_for("drain", 2)
        reconciled(line)
        assert line.running("hello") == [(old.number, "web.1"), (new.number, "web.1")]
        gate.set()
        line.settle()
    assert line.running("hello") == [(new.number, "web.1")]


def test_dynos_that_drain_behind_a_change_that_is_done_are_left_too(line: Line) -> None:
    line.make("hello")
    old = line.shipped("hello")
    gate = line.outside.router.hold("drain")
    with line.working():
        new = line.push("hello", "b")
        line.told(new)
        line.outside.router.wait_for("drain", 2)
        larger = changed(line, "hello", Change({"web": (2, "1X")}))
        line.told(larger)
        line.outside.router.wait_for("drain", 3)
        with line.store.writing() as session:  # what its worker writes: nothing of it drains
            deployments.find(session, larger.id).is_settled = True
        reconciled(line)
        assert (old.number, "web.1") in line.running("hello")
        gate.set()
        line.settle()
    assert line.running("hello") == [(new.number, "web.1"), (larger.number, "web.2")]


def test_a_version_that_was_passed_while_it_came_back_is_retired(line: Line) -> None:
    line.make("hello")
    line.shipped("hello")
    line.outside.scheduler.running.clear()
    with came_back(line):
        new = line.push("hello", "b")
        assert isinstance(line.told(new)[-1], Live)
        line.settle()
    assert line.running("hello") == [(new.number, "web.1")]
    assert line.routed("hello") == [new.number]


class DeafScheduler(FakeScheduler):
    """A scheduler that does not hear that it should stop starting."""

    def start(self, manifest: Manifest, is_cancelled: IsCancelled) -> Stream[tuple[Target, ...]]:
        return super().start(manifest, never)


def test_a_version_that_came_back_too_late_is_retired(line: Line) -> None:
    line.outside.scheduler = DeafScheduler()
    line.make("hello")
    old = line.shipped("hello")
    line.outside.scheduler.running.clear()
    with came_back(line):
        new = line.push("hello", "b")
        assert isinstance(line.told(new)[-1], Live)
        line.settle()
        stray(line, "hello", old.number or 0)
    assert line.running("hello") == [(new.number, "web.1")]
    assert line.routed("hello") == [new.number]


@contextmanager
def came_back(line: Line) -> Iterator[None]:
    """Run the line while the dynos that are missing take their time to start."""
    scheduler = line.outside.scheduler
    gate, before = scheduler.hold("start"), len(scheduler.called("start"))
    with line.working():
        scheduler.wait_for("start", before + 1)
        scheduler._gates.clear()
        yield
        gate.set()


def test_the_route_follows_dynos_that_come_and_go(line: Line) -> None:
    line.make("hello")
    live = line.shipped("hello")
    keeper = RouteKeeper(line.store, line.outside.platform)
    keeper.start()
    dyno = line.outside.scheduler.dynos(HELLO)[0]
    line.outside.scheduler.crash(dyno)
    keeper.changed(HELLO)
    wait_until(lambda: line.outside.router.routes[HELLO][1] == (), "no target is left")
    line.outside.scheduler.running[dyno.id] = replace(dyno, target=Target("10.1.1.1", 80))
    keeper.changed(HELLO)
    wait_until(lambda: line.routed("hello") == [live.number], "the new address is routed to")
    keeper.changed(AppName("unknown"))
    keeper.stop()


def test_a_route_that_could_not_be_set_is_tried_again(line: Line) -> None:
    line.make("hello")
    live = line.shipped("hello")
    keeper = RouteKeeper(line.store, line.outside.platform)
    keeper.start()
    line.outside.router.routes.clear()
    line.outside.router.fail("switch", Unavailable("The router is away."))
    keeper.changed(HELLO)
    wait_until(lambda: line.routed("hello") == [live.number], "the route is set")
    keeper.stop()


def test_a_keeper_that_never_started_stops(line: Line) -> None:
    RouteKeeper(line.store, line.outside.platform).stop()


def test_the_keeper_never_routes_back_to_the_old_version(line: Line) -> None:
    line.make("hello")
    line.shipped("hello")
    keeper = RouteKeeper(line.store, line.outside.platform)
    keeper.start()
    with line.working():
        router = line.outside.router
        gate, before = router.hold("switch"), len(router.called("switch"))
        new = line.push("hello", "b")
        router.wait_for("switch", before + 1)  # the pipeline is between switch and commit
        keeper.changed(HELLO)
        gate.set()
        line.told(new)
        line.settle()
        keeper.changed(HELLO)
        router.wait_for("switch", before + 2)
    keeper.stop()
    assert line.routed("hello") == [new.number]
