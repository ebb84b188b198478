"""What every adapter does with one-offs, whatever it runs them on."""

import threading

import pytest

from empire.errors import Cancelled, NotFound
from empire.events import Line
from empire.manifest import Dyno, OneOff
from empire.names import AppName
from empire.platform import Duplex
from empire.secrets import Secret
from tests.contracts.labs import SMALL, Lab, manifest
from tests.fakes import never
from tests.streams import played, result
from tests.waiting import wait_until

APP, OTHER = AppName("sample"), AppName("other")
LARGE = 3_000_000


def one_off(
    lab: Lab, command: str, name: str = "run.1", *, app: AppName = APP, attached: bool = False
) -> OneOff:
    env = {"COLOUR": Secret("green")}
    return OneOff(app, name, 7, lab.image, command, SMALL, env, is_attached=attached, seconds=60)


def begun(lab: Lab, command: str, name: str = "run.1") -> None:
    lab.one_offs.create(one_off(lab, command, name))
    lab.one_offs.start(APP, name)


def attached(lab: Lab, command: str) -> Duplex:
    lab.one_offs.create(one_off(lab, command, attached=True))
    return lab.one_offs.attach(APP, "run.1")


def both(duplex: Duplex) -> dict[int, bytes]:
    """Return all that comes, by stream."""
    found = {1: b"", 2: b""}
    while chunk := duplex.read():
        found[chunk[0]] += chunk[1]
    return found


def test_its_output_comes_line_by_line_and_then_its_exit_status(lab: Lab) -> None:
    begun(lab, "echo one; echo $COLOUR; exit 3")

    events, status = played(lab.one_offs.output(APP, "run.1", never))

    assert events == [Line("one"), Line("green")]
    assert status == 3


def test_its_output_can_be_followed_again_after_it_ended(lab: Lab) -> None:
    begun(lab, "echo one")
    first = played(lab.one_offs.output(APP, "run.1", never))

    assert played(lab.one_offs.output(APP, "run.1", never)) == first == ([Line("one")], 0)


def test_it_does_not_run_before_it_is_started(lab: Lab) -> None:
    lab.one_offs.create(one_off(lab, "echo one"))

    [run] = lab.one_offs.runs(APP)

    assert (run.dyno.name, run.dyno.state, run.ended_at) == ("run.1", "starting", 0)
    assert (run.dyno.version, run.dyno.command, run.is_attached) == (7, "echo one", False)
    assert run.must_end_at == pytest.approx(run.dyno.started_at + 60)


def test_creating_and_starting_again_changes_nothing(lab: Lab) -> None:
    begun(lab, "echo one; exit 4")
    assert result(lab.one_offs.output(APP, "run.1", never)) == 4

    begun(lab, "echo two")

    assert played(lab.one_offs.output(APP, "run.1", never)) == ([Line("one")], 4)
    [run] = lab.one_offs.runs(APP)
    assert (run.dyno.state, run.dyno.exit_code) == ("down", 4)
    assert run.ended_at > 1_700_000_000


def test_what_is_gone_cannot_be_started_or_followed(lab: Lab) -> None:
    begun(lab, "echo one")
    lab.one_offs.remove(APP, "run.1")
    lab.one_offs.remove(APP, "run.1")

    with pytest.raises(NotFound):
        lab.one_offs.start(APP, "run.1")
    with pytest.raises(NotFound):
        result(lab.one_offs.output(APP, "run.1", never))
    with pytest.raises(NotFound):
        lab.one_offs.attach(APP, "run.1")
    assert lab.one_offs.runs(APP) == []


def test_who_stops_following_lets_it_run_on(lab: Lab) -> None:
    begun(lab, "echo one; sleep 60")
    cancelled = threading.Event()
    output = lab.one_offs.output(APP, "run.1", cancelled.is_set)
    assert next(output) == Line("one")
    cancelled.set()

    with pytest.raises(Cancelled):
        next(output)

    assert [run.dyno.state for run in lab.one_offs.runs(APP)] == ["up"]


def test_removing_ends_all_of_one_app_and_none_of_another(lab: Lab) -> None:
    for name in ("run.1", "run.2"):
        begun(lab, "sleep 60", name)
    lab.one_offs.create(one_off(lab, "sleep 60", app=OTHER))

    lab.one_offs.remove(APP)

    assert [run.dyno.app for run in lab.one_offs.runs()] == [OTHER]
    lab.one_offs.remove(OTHER)


def test_one_offs_are_no_dynos_of_the_formation(lab: Lab) -> None:
    begun(lab, "sleep 60")
    assert lab.scheduler.dynos(APP) == []

    lab.scheduler.retire(manifest(lab, 9))
    lab.scheduler.stop(APP)

    assert len(lab.one_offs.runs(APP)) == 1


def test_bytes_pass_through_as_they_are_and_the_end_of_input_too(lab: Lab) -> None:
    duplex = attached(lab, "cat; exit 42")
    content = bytes(range(256)) * (LARGE // 256)

    def write() -> None:
        duplex.write(content)
        duplex.end_input()

    writer = threading.Thread(target=write)
    writer.start()

    found = both(duplex)

    writer.join()
    assert found == {1: content, 2: b""}
    assert duplex.wait() == 42
    duplex.close()


def test_both_streams_stay_apart(lab: Lab) -> None:
    duplex = attached(lab, "echo out; echo err >&2")

    assert both(duplex) == {1: b"out\n", 2: b"err\n"}
    assert duplex.wait() == 0
    duplex.close()


def test_removing_ends_what_is_attached(lab: Lab) -> None:
    duplex = attached(lab, "echo ready; cat")
    assert duplex.read() == (1, b"ready\n")

    lab.one_offs.remove(APP, "run.1")

    assert duplex.read() is None
    assert duplex.wait() == 137
    duplex.close()


def test_a_command_runs_inside_a_dyno(lab: Lab) -> None:
    dyno = running_dyno(lab)
    duplex = lab.scheduler.enter(
        dyno, "echo $COLOUR; cat; exit 5", {"COLOUR": Secret("red")}, False
    )
    duplex.write(b"in\n")
    duplex.end_input()

    assert both(duplex) == {1: b"red\nin\n", 2: b""}
    assert duplex.wait() == 5
    duplex.close()


def test_a_command_inside_a_dyno_ends_with_who_gave_it(lab: Lab) -> None:
    dyno = running_dyno(lab)
    duplex = lab.scheduler.enter(dyno, "echo ready; sleep 60", {}, False)
    assert duplex.read() == (1, b"ready\n")

    duplex.close()

    wait_until(lambda: duplex.wait() != 0)


def running_dyno(lab: Lab) -> Dyno:
    """Return a dyno that runs."""
    result(lab.scheduler.start(manifest(lab, web=1), never))
    return lab.scheduler.dynos(APP)[0]
