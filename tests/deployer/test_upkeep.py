"""When the caches of builds are tidied up."""

from deployer.upkeep import Upkeep
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
