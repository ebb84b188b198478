"""The release phase on the line: before anything serves, once, and never a second time."""

from dataclasses import replace
from pathlib import Path

import pytest

from empire import events, releases
from empire.deployments import Deployment, Step
from empire.errors import Unavailable
from empire.events import Event, Failed, Line, Live, Released, Stage
from empire.names import AppName
from empire.releases import Status
from empire.store import Store
from tests.deployer.test_kills import at_every_instant
from tests.line import Line as TheLine
from tests.waiting import wait_until

HELLO = AppName("hello")


def asking_for(line: TheLine, command: str) -> TheLine:
    """Let the line's builds ask for the release command."""
    builder = line.outside.builder
    builder.image = replace(builder.image, release_command=command)
    return line


def pushed(line: TheLine, command: str, seed: str = "a") -> tuple[Deployment, list[Event]]:
    """Push with the release command; return the ended deployment and what was told."""
    asking_for(line, command)
    with line.working():
        deployment = line.push("hello", seed)
        told = line.told(deployment)
        line.settle()
    return line.row(deployment), told


def test_it_runs_before_the_start_with_the_new_config_and_is_told(line: TheLine) -> None:
    line.make("hello")
    line.config("hello", GREETING="good morning")
    ended, told = pushed(line, "echo moving; echo $GREETING")

    assert told == [
        Stage("Building with Fake"),
        Line("Step 1 of 1"),
        Released(3),
        Stage("Running the release command: echo moving; echo $GREETING"),
        Line("moving"),
        Line("[redacted]"),
        Stage("Starting v3 (1 dyno)"),
        Line("Starting 1 dynos"),
        Live(3, "http://hello.localhost:8080"),
    ]
    assert ended.step == Step.LIVE
    assert line.outside.one_offs.started == [f"release.{ended.number}"]
    assert line.outside.one_offs.runs() == []


def test_a_failure_rejects_the_push_and_leaves_the_old_version(line: TheLine) -> None:
    line.make("hello")
    first = line.shipped("hello")

    ended, told = pushed(line, "echo no such table; exit 3", seed="b")

    assert ended.step == Step.FAILED
    assert told[-1] == Failed(
        "release_failed",
        "The release command exited with code 3.",
        "Its last lines:\n  no such table",
        "The version that ran before goes on unchanged.",
    )
    assert line.routed("hello") == [first.number]
    assert line.running("hello") == [(first.number, "web.1")]
    with line.store.reading() as session:
        assert releases.of_app(session, ended.app_id)[0].status == Status.FAILED
    assert line.outside.one_offs.runs() == []


def test_rollbacks_and_config_do_not_run_it(line: TheLine) -> None:
    line.make("hello")
    pushed(line, "true")
    with line.working():
        changed = line.config("hello", COLOUR="green")
        assert changed
        line.told(changed)
        line.settle()

    assert line.row(changed).step == Step.LIVE
    assert len(line.outside.one_offs.started) == 1


def test_it_is_stopped_when_its_time_is_over(line: TheLine) -> None:
    store = Store(line.store.settings.model_copy(update={"release_seconds": 0.2}))
    hurried = TheLine(store, line.ann)
    hurried.make("hello")
    ended, told = pushed(hurried, "echo begun; sleep 60")
    store.close()

    assert ended.step == Step.FAILED
    assert "did not end within 0.2 seconds" in str(told[-1])
    assert hurried.outside.one_offs.runs() == []


def test_cancelling_ends_it_before_anybody_is_told(line: TheLine) -> None:
    line.make("hello")
    asking_for(line, "echo begun; exec sleep 60")
    with line.working():
        deployment = line.push("hello")
        line.outside.one_offs.wait_for("output")
        [run] = line.outside.one_offs.known.values()
        line.cancel(deployment)
        told = line.told(deployment)
        assert line.outside.one_offs.runs() == []
        line.settle()

    assert run.process
    assert run.process.poll() is not None
    assert line.row(deployment).step == Step.CANCELLED
    assert isinstance(told[-1], Failed)


def test_an_orderly_stop_of_the_server_lets_it_run_and_the_next_one_follows_it(
    line: TheLine, tmp_path: Path
) -> None:
    line.make("hello")
    gate = tmp_path / "gate"
    asking_for(line, f"echo one; until [ -e {gate} ]; do sleep 0.01; done; echo two")
    with line.working():
        deployment = line.push("hello")
        wait_until(lambda: Line("one") in line.store.journals.read(deployment.id)[0])
    gate.touch()
    with line.working():
        told = line.told(deployment)
        line.settle()

    assert [event for event in told if event in (Line("one"), Line("two"))] == [
        Line("one"),
        Line("two"),
    ]
    assert sum(isinstance(event, Stage) and "release" in event.text for event in told) == 1
    assert len(line.outside.one_offs.started) == 1


def test_endless_output_is_cut_but_the_command_goes_on(line: TheLine) -> None:
    store = Store(line.store.settings.model_copy(update={"build_output_max_mib": 0}))
    short = TheLine(store, line.ann)
    short.make("hello")
    ended, told = pushed(short, "echo one; echo two; echo three")
    store.close()

    assert ended.step == Step.LIVE
    assert [event for event in told if isinstance(event, events.Warning)] == [
        events.Warning("The rest of its output is not shown.")
    ]
    assert Line("two") not in told


def test_an_engine_that_goes_away_fails_it_and_nothing_is_left(line: TheLine) -> None:
    line.make("hello")
    line.outside.one_offs.fail("output", Unavailable("The engine is away."))
    ended, told = pushed(line, "sleep 60")

    assert ended.step == Step.FAILED
    assert told[-1] == Failed("unavailable", "The engine is away.")
    assert line.outside.one_offs.runs() == []


def test_where_nobody_can_tell_it_is_not_run_again(line: TheLine, tmp_path: Path) -> None:
    line.make("hello")
    asking_for(line, "sleep 60")
    with line.working():
        deployment = line.push("hello")
        line.outside.one_offs.wait_for("output")
    line.outside.one_offs.remove(HELLO)
    with line.working():
        told = line.told(deployment)
        line.settle()

    assert line.row(deployment).step == Step.FAILED
    assert "It cannot be told whether the release command ran." in str(told[-1])
    assert len(line.outside.one_offs.started) == 1


@pytest.mark.slow
def test_killed_at_every_instant_it_runs_exactly_once(tmp_path: Path) -> None:
    counted = tmp_path / "count"

    def begin(line: TheLine) -> Deployment:
        counted.unlink(missing_ok=True)
        asking_for(line, f"echo one; echo ran >> {counted}; echo two")
        return line.push("hello", "b")

    def check(line: TheLine, deployment: Deployment) -> None:
        assert line.row(deployment).step == Step.LIVE
        assert counted.read_text() == "ran\n"
        told = line.told(deployment)
        assert [event for event in told if event in (Line("one"), Line("two"))] == [
            Line("one"),
            Line("two"),
        ]
        assert line.outside.one_offs.runs() == []

    at_every_instant(tmp_path, begin, check)


def test_killed_at_every_instant_a_failure_fails_and_leaves_nothing(tmp_path: Path) -> None:
    def check(line: TheLine, deployment: Deployment) -> None:
        assert line.row(deployment).step == Step.FAILED
        assert line.row(deployment).what == "The release command exited with code 3."
        assert line.running("hello") == [(1, "web.1")]
        assert line.outside.one_offs.runs() == []

    at_every_instant(tmp_path, lambda line: asking_for(line, "exit 3").push("hello", "b"), check)
