"""When the caches of builds are tidied up."""

from deployer.upkeep import Upkeep
from empire.errors import Unavailable
from tests.line import Line


def tidied(line: Line) -> int:
    return len(line.outside.builder.called("tidy"))


def test_once_after_a_deployment_settled(line: Line) -> None:
    line.make("hello")
    upkeep = Upkeep(line.store, line.outside.platform)
    upkeep.look()
    upkeep.look()
    assert tidied(line) == 1  # at the start: an earlier server may have died before
    line.push("hello")
    upkeep.look()
    assert tidied(line) == 1  # it moves
    with line.working():
        line.settle()
    upkeep.look()
    upkeep.look()
    assert tidied(line) == 2


def test_a_failure_is_tried_again(line: Line) -> None:
    line.outside.builder.fail("tidy", Unavailable("The engine is away."))
    upkeep = Upkeep(line.store, line.outside.platform, seconds=0.01)
    upkeep.start()
    line.outside.builder.wait_for("tidy", 2)
    upkeep.stop()


def test_it_stops_before_it_began(line: Line) -> None:
    Upkeep(line.store, line.outside.platform).stop()
