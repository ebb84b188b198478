"""Pushes on their way to live: order, neighbours, limits, letting go."""

from empire.deployments import Step
from empire.events import Line, Live, Released, Stage
from empire.names import AppName
from tests.line import Line as TheLine

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
