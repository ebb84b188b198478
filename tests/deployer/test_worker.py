"""Pushes on their way to live: their words, their order, their neighbours."""

import pytest

from empire import builds, releases
from empire.builds import BuildStatus
from empire.deployments import Step
from empire.errors import BuildFailed, EmpireError, StartFailed
from empire.events import Event, Failed, Line, Live, Released, Stage
from empire.names import AppName, ProcessType
from empire.releases import Status
from tests.line import Line as TheLine
from tests.waiting import wait_until

HELLO = AppName("hello")


def test_a_push_goes_live_and_says_so_exactly(line: TheLine) -> None:
    line.make("hello")
    with line.working():
        pushed = line.push("hello")
        assert line.told(pushed) == [
            Stage("Building with Fake"),
            Line("Step 1 of 1"),
            Released(2),
            Stage("Starting v2 (1 dyno)"),
            Line("Starting 1 dynos"),
            Live(2, "http://hello.localhost:8080"),
        ]
        line.settle()
    assert line.row(pushed).step == Step.LIVE
    assert line.routed("hello") == [pushed.number]
    assert line.outside.sources.landed[HELLO] == {"refs/heads/main": "a" * 40}


@pytest.mark.parametrize(
    ("port", "method", "error"),
    [
        ("builder", "build", BuildFailed("pip failed.", why="No such package.", fix="Name one.")),
        ("registry", "push", EmpireError("The registry is full.")),
        ("scheduler", "start", StartFailed("It exited with code 3.", why="its last words")),
        ("router", "switch", EmpireError("The router is away.")),
        ("scheduler", "keep", StartFailed("It exited with code 3.", why="its last words")),
    ],
)
def test_a_failure_tells_why_and_leaves_the_old_version_serving(
    line: TheLine, port: str, method: str, error: EmpireError
) -> None:
    line.make("hello")
    old = line.shipped("hello")
    with line.working():
        getattr(line.outside, port).fail(method, error)
        pushed = line.push("hello", "b")
        assert line.told(pushed)[-1] == Failed(error.code, error.what, error.why, error.fix)
        line.settle()
    row = line.row(pushed)
    assert (row.step, row.what, row.why) == (Step.FAILED, error.what, error.why)
    assert line.running("hello") == [(old.number, "web.1")]
    assert line.routed("hello") == [old.number]
    assert line.outside.sources.landed[HELLO] == {"refs/heads/main": "a" * 40}
    assert [source.commit for source in line.outside.sources.dropped] == ["b" * 40]
    with line.store.reading() as session:
        assert releases.current(session, row.app_id).version == 2
        built = builds.find(session, row.app_id, row.id).status
        assert built == (BuildStatus.SUCCEEDED if row.version else BuildStatus.FAILED)
        if row.version:
            failed = releases.find(session, row.app_id, f"v{row.version}")
            assert failed.status == Status.FAILED
    with line.store.reading() as session:
        kept = releases.kept_images(session, row.app_id, 10)
    assert line.outside.registry.images[HELLO] == kept


def test_a_fault_of_the_server_gives_a_reference_and_no_detail(line: TheLine) -> None:
    line.make("hello")
    line.outside.builder.fail("build", RuntimeError("a detail"))
    with line.working():
        last = line.told(line.push("hello"))[-1]
    assert isinstance(last, Failed)
    assert last.code == "internal_server_error"
    assert "reference" in last.what


def test_a_newer_push_takes_the_place_of_one_that_waits(line: TheLine) -> None:
    line.make("hello")
    gate = line.outside.builder.hold("build")
    with line.working():
        first = line.push("hello", "a")
        line.outside.builder.wait_for("build")
        second, third = line.push("hello", "b"), line.push("hello", "c")
        told = line.told(second)[-1]
        gate.set()
        assert isinstance(line.told(first)[-1], Live)
        assert isinstance(line.told(third)[-1], Live)
        line.settle()
    assert isinstance(told, Failed)
    assert (told.code, told.what) == ("superseded", "A newer push took the place of bbbbbbbb.")
    assert line.row(second).step == Step.SUPERSEDED
    assert line.outside.sources.landed[HELLO] == {"refs/heads/main": "c" * 40}
    with line.store.reading() as session:
        row = line.row(second)
        assert builds.find(session, row.app_id, row.id).status == BuildStatus.FAILED


def test_the_waiting_one_is_told_who_is_ahead(line: TheLine) -> None:
    line.make("hello")
    gate = line.outside.builder.hold("build")
    with line.working():
        first = line.push("hello", "a")
        line.outside.builder.wait_for("build")
        second = line.push("hello", "b")
        found, _ = line.store.journals.read(second.id)
        gate.set()
        line.told(second)
    assert [str(event).strip() for event in found] == [
        f"Waiting for deployment {first.number} by ann@example.com (received, 0 s)"
    ]


def test_pushes_to_one_app_go_live_in_their_order(line: TheLine) -> None:
    line.make("hello")
    gate = line.outside.builder.hold("build")
    with line.working():
        line.push("hello", "a")
        line.outside.builder.wait_for("build")
        line.push("hello", "b")
        gate.set()
        line.settle()
    commits = [arguments[0] for arguments in line.outside.sources.called("land")]
    assert [getattr(source, "commit", "")[0] for source in commits] == ["a", "b"]
    assert [name for name, *_ in line.outside.builder.calls] == ["build", "build"]


def test_another_app_does_not_wait_for_a_build_that_takes_long(line: TheLine) -> None:
    line.make("slow")
    line.make("fast")
    gate = line.outside.scheduler.hold("start")
    with line.working():
        slow = line.push("slow")
        line.outside.scheduler.wait_for("start")
        line.outside.scheduler._gates.clear()
        fast = line.push("fast")
        assert isinstance(line.told(fast)[-1], Live)
        assert line.row(slow).is_open
        gate.set()
        assert isinstance(line.told(slow)[-1], Live)


def test_builds_beyond_the_limit_wait_and_say_so(line: TheLine) -> None:
    names = ["one", "two", "three"]
    for name in names:
        line.make(name)
    gate = line.outside.builder.hold("build")
    with line.working():
        pushed = [line.push(name) for name in names]
        waiting = Line("Waiting for a build slot (2 builds run at a time)")

        def said() -> list[Event]:
            return [event for p in pushed for event in line.store.journals.read(p.id)[0]]

        wait_until(lambda: waiting in said(), "a build waits for a slot")
        line.outside.builder.wait_for("build", 2)
        assert len(line.outside.builder.called("build")) == 2
        gate.set()
        for deployment in pushed:
            assert isinstance(line.told(deployment)[-1], Live)
    assert said().count(waiting) == 1


def test_the_same_commit_joins_its_deployment(line: TheLine) -> None:
    line.make("hello")
    gate = line.outside.builder.hold("build")
    with line.working():
        first = line.push("hello")
        line.outside.builder.wait_for("build")
        assert line.push("hello").id == first.id
        gate.set()
        line.told(first)
        line.settle()
        again = line.push("hello")
        assert again.id != first.id
        assert isinstance(line.told(again)[-1], Live)


def test_an_app_without_a_web_process_is_live_without_an_address(line: TheLine) -> None:
    line.make("hello")
    image = line.outside.builder.image
    line.outside.builder.image = type(image)(
        image.ref, {ProcessType("clock"): "tick"}, buildpack="Fake"
    )
    pushed = line.shipped("hello")
    assert line.told(pushed)[-1] == Live(2, "")
    assert line.running("hello") == [(pushed.number, "clock.1")]


def test_old_images_go_when_newer_releases_need_the_room(line: TheLine) -> None:
    line.make("hello")
    object.__setattr__(line.store.settings, "releases_kept", 2)
    for seed in "abc":
        line.shipped("hello", seed)
    assert len(line.outside.registry.images[HELLO]) == 2


def test_no_more_deployments_move_than_may(line: TheLine) -> None:
    object.__setattr__(line.store.settings, "deployments_concurrency", 1)
    line.make("one")
    line.make("two")
    gate = line.outside.builder.hold("build")
    with line.working():
        first, second = line.push("one"), line.push("two")
        line.outside.builder.wait_for("build")
        assert line.row(second).owner == ""
        gate.set()
        assert isinstance(line.told(first)[-1], Live)
        assert isinstance(line.told(second)[-1], Live)
