"""A server killed at every instant of a deployment: the next one ends it, once and right."""

import shutil
from collections.abc import Callable
from contextlib import suppress
from copy import deepcopy
from itertools import count
from pathlib import Path

import pytest

from deployer.worker import Worker
from empire import builds, releases, users
from empire.builds import BuildStatus
from empire.deployments import Deployment, Step
from empire.errors import NotFound, StartFailed
from empire.events import Failed, Live, is_last
from empire.names import AppName
from empire.releases import Status
from empire.settings import Settings
from empire.store import Store
from tests.dying import DyingStore, Killed, Life, dying, silence
from tests.line import Line
from tests.waiting import wait_until

HELLO = AppName("hello")
FEWEST_INSTANTS = 12  # or the killing does not work
OLD, NEW = "a" * 40, "b" * 40


def first_version(home: Path) -> Line:
    """Return a line, its store closed, with an app that runs its first version as deployment 1."""
    store = Store(Settings(home=home))
    store.migrate()
    with store.writing() as session:
        user, _ = users.first(session, "Ann", "ann@example.com")
    line = Line(store, users.acting(user, "test"))
    line.make("hello")
    line.shipped("hello")
    store.close()
    return line


def copied(line: Line, home: Path) -> Line:
    """Return a line of its own in the same state."""
    shutil.copytree(line.store.settings.home, home)
    copy = Line(Store(Settings(home=home)), line.ann)
    copy.outside.sources.landed = deepcopy(line.outside.sources.landed)
    copy.outside.registry.images = deepcopy(line.outside.registry.images)
    copy.outside.scheduler.running = dict(line.outside.scheduler.running)
    copy.outside.router.routes = dict(line.outside.router.routes)
    return copy


def killed(line: Line, life: Life) -> None:
    """Run a server until it is killed or nothing is left to do."""
    store = DyingStore(line.store, life)
    worker = Worker(store, dying(line.outside.platform, life))
    with silence():
        with suppress(Killed):
            worker.start()
        wait_until(lambda: life.is_over or not line.unsettled())
        worker.stop()
    store.close()


def at_every_instant(
    folder: Path, begin: Callable[[Line], Deployment], check: Callable[[Line, Deployment], None]
) -> None:
    """Kill a server at each instant, let another one go on, and check how it ends."""
    origin = first_version(folder / "origin")
    for fatal in count(1):
        line, life = copied(origin, folder / str(fatal)), Life(fatal)
        deployment = begin(line)
        killed(line, life)
        was_killed, last = life.is_over, life.instants[-1]
        with line.working():
            line.settle()
        try:
            check(line, deployment)
        except AssertionError as error:
            error.add_note(f"killed at instant {fatal}: {last}")
            raise
        finally:
            line.store.close()
        if not was_killed:
            assert fatal > FEWEST_INSTANTS
            break


def test_a_push_goes_live_exactly_once(tmp_path: Path) -> None:
    def check(line: Line, pushed: Deployment) -> None:
        assert line.row(pushed).step == Step.LIVE
        assert line.running("hello") == [(pushed.number, "web.1")]
        assert line.is_kept("hello")
        assert line.routed("hello") == [pushed.number]
        assert line.outside.sources.landed[HELLO] == {"refs/heads/main": NEW}
        told = line.told(pushed)
        assert [event for event in told if is_last(event)] == [
            Live(3, "http://hello.localhost:8080")
        ]
        with line.store.reading() as session:
            row = line.row(pushed)
            made = releases.of_app(session, row.app_id)
            assert [(r.version, r.status) for r in made] == [
                (3, Status.SUCCEEDED), (2, Status.SUCCEEDED), (1, Status.SUCCEEDED),
            ]  # fmt: skip
            assert builds.find(session, row.app_id, row.id).release_id == made[0].id

    at_every_instant(tmp_path, lambda line: line.push("hello", "b"), check)


def test_a_push_that_does_not_start_fails_and_the_old_version_stays(tmp_path: Path) -> None:
    def begin(line: Line) -> Deployment:
        line.outside.scheduler.fail("start", StartFailed("It exited."), times=9)
        return line.push("hello", "b")

    def check(line: Line, pushed: Deployment) -> None:
        row = line.row(pushed)
        assert (row.step, row.what) == (Step.FAILED, "It exited.")
        assert line.running("hello") == [(1, "web.1")]
        assert line.routed("hello") == [1]
        assert line.outside.sources.landed[HELLO] == {"refs/heads/main": OLD}
        assert pushed.commit in {source.commit for source in line.outside.sources.dropped}
        assert [event for event in line.told(pushed) if is_last(event)] == [
            Failed("start_failed", "It exited.")
        ]
        with line.store.reading() as session:
            assert releases.of_app(session, row.app_id)[0].status == Status.FAILED
            assert builds.find(session, row.app_id, row.id).status == BuildStatus.SUCCEEDED

    at_every_instant(tmp_path, begin, check)


def test_a_change_of_config_goes_live_exactly_once(tmp_path: Path) -> None:
    def begin(line: Line) -> Deployment:
        deployment = line.config("hello", COLOUR="green")
        assert deployment
        return deployment

    def check(line: Line, deployment: Deployment) -> None:
        assert line.row(deployment).step == Step.LIVE
        assert line.running("hello") == [(deployment.number, "web.1")]
        assert line.is_kept("hello")
        assert line.routed("hello") == [deployment.number]
        with line.store.reading() as session:
            made = releases.of_app(session, line.row(deployment).app_id)
            assert [r.version for r in made] == [3, 2, 1]
            assert releases.config_of(session, made[0])["COLOUR"].reveal() == "green"

    at_every_instant(tmp_path, begin, check)


def test_an_app_that_is_destroyed_leaves_nothing_behind(tmp_path: Path) -> None:
    def check(line: Line, deployment: Deployment) -> None:
        with pytest.raises(NotFound):
            line.row(deployment)
        assert line.running("hello") == []
        assert HELLO not in line.outside.router.routes
        assert HELLO not in line.outside.sources.landed
        assert not line.outside.registry.images[HELLO]
        assert not list((line.store.settings.logs / "deployments").glob("*"))
        line.make("hello")

    at_every_instant(tmp_path, lambda line: line.destroy("hello"), check)
