"""What is looked after again and again."""

from functools import partial

from deployer.reconcile import reconcile
from deployer.rounds import Rounds
from deployer.upkeep import Upkeep
from empire.errors import Unavailable
from empire.events import Live
from tests.line import Line
from tests.waiting import wait_until


def test_a_dyno_that_somebody_else_took_away_comes_back(line: Line) -> None:
    line.make("hello")
    with line.working():
        assert isinstance(line.told(line.push("hello"))[-1], Live)
    scheduler = line.outside.scheduler
    [before] = scheduler.dynos()
    repairs = Rounds("repairs", partial(reconcile, line.store, line.outside.platform), 0.05)
    repairs.start()

    scheduler.stop(before.app)

    wait_until(lambda: [dyno.name for dyno in scheduler.dynos()] == [before.name])
    repairs.stop()


def test_what_failed_is_tried_again(line: Line) -> None:
    line.outside.builder.fail("tidy", Unavailable("The engine is away."))
    rounds = Rounds("upkeep", Upkeep(line.store, line.outside.platform).look, 0.01)
    rounds.start()

    line.outside.builder.wait_for("tidy", 2)
    rounds.stop()


def test_they_may_stop_before_they_began() -> None:
    Rounds("nothing", list, 1).stop()
