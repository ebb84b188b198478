"""What somebody else took away comes back by itself."""

from deployer.repairs import Repairs
from empire.events import Live
from tests.line import Line
from tests.waiting import wait_until


def test_a_dyno_that_is_gone_comes_back(line: Line) -> None:
    line.make("hello")
    with line.working():
        assert isinstance(line.told(line.push("hello"))[-1], Live)
    scheduler = line.outside.scheduler
    [before] = scheduler.dynos()
    repairs = Repairs(line.store, line.outside.platform, seconds=0.05)
    repairs.start()

    scheduler.stop(before.app)

    wait_until(lambda: [dyno.name for dyno in scheduler.dynos()] == [before.name])
    repairs.stop()
