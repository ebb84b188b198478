"""What every scheduler does, whatever it runs dynos on."""

from dataclasses import replace

import pytest

from empire.errors import Cancelled, StartFailed
from empire.manifest import Manifest
from empire.names import AppName
from tests.contracts.labs import Lab, kept, manifest
from tests.fakes import never
from tests.streams import played, result

APP = AppName("sample")
OTHER = AppName("other")


def test_start_returns_where_web_dynos_answer(lab: Lab) -> None:
    events, targets = played(lab.scheduler.start(manifest(lab, web=2), never))

    assert len(set(targets)) == 2
    assert all(lab.answers(target) for target in targets)
    assert events


def test_dynos_tell_all_that_is_known(lab: Lab) -> None:
    wanted = manifest(lab, 7, web=1, worker=1)
    targets = kept(lab, wanted)

    web, worker = lab.scheduler.dynos(APP)

    assert (web.name, web.state, web.target) == ("web.1", "up", targets[0])
    assert (worker.name, worker.state, worker.target) == ("worker.1", "up", None)
    assert {(d.app, d.version, d.deployment, d.size) for d in (web, worker)} == {
        (APP, 107, 7, "1X")
    }
    assert web.started_at > 1_700_000_000
    assert web.id != worker.id


def test_start_again_finds_what_runs(lab: Lab) -> None:
    wanted = manifest(lab, web=2, worker=1)
    first = result(lab.scheduler.start(wanted, never))
    before = {dyno.id for dyno in lab.scheduler.dynos(APP)}

    assert result(lab.scheduler.start(wanted, never)) == first
    assert {dyno.id for dyno in lab.scheduler.dynos(APP)} == before


def test_keep_may_be_repeated_and_leaves_others_alone(lab: Lab) -> None:
    old, new = manifest(lab, 1), manifest(lab, 2, worker=1)
    kept(lab, old)
    result(lab.scheduler.start(new, never))
    before = lab.scheduler.dynos(APP)

    for _ in range(2):
        lab.scheduler.keep(new)

    after = lab.scheduler.dynos(APP)
    assert [(dyno.id, dyno.target) for dyno in after] == [(d.id, d.target) for d in before]
    assert {dyno.state for dyno in after} == {"up"}


def test_what_was_started_and_not_kept_is_found_again(lab: Lab) -> None:
    wanted = manifest(lab, web=1, worker=1)
    first = result(lab.scheduler.start(wanted, never))

    assert kept(lab, wanted) == first
    assert {dyno.state for dyno in lab.scheduler.dynos(APP)} == {"up"}


def test_keep_of_nothing(lab: Lab) -> None:
    assert kept(lab, manifest(lab, web=0)) == ()


def test_start_adds_what_is_missing(lab: Lab) -> None:
    first = result(lab.scheduler.start(manifest(lab, web=1), never))
    both = result(lab.scheduler.start(manifest(lab, web=2), never))

    assert both[0] == first[0]
    assert [dyno.name for dyno in lab.scheduler.dynos(APP)] == ["web.1", "web.2"]


def test_start_of_nothing(lab: Lab) -> None:
    assert result(lab.scheduler.start(manifest(lab, web=0), never)) == ()
    assert lab.scheduler.dynos(APP) == []


def test_new_runs_beside_old_until_old_is_retired(lab: Lab) -> None:
    old = result(lab.scheduler.start(manifest(lab, 1), never))
    new = result(lab.scheduler.start(manifest(lab, 2), never))

    assert all(lab.answers(target) for target in (*old, *new))

    lab.scheduler.retire(manifest(lab, 2))

    assert [dyno.deployment for dyno in lab.scheduler.dynos(APP)] == [2]
    assert lab.answers(new[0])


def test_retire_may_be_repeated(lab: Lab) -> None:
    result(lab.scheduler.start(manifest(lab, 1), never))
    for _ in range(2):
        lab.scheduler.retire(manifest(lab, 2))

    assert lab.scheduler.dynos(APP) == []


def test_stop_one_deployment(lab: Lab) -> None:
    for deployment in (1, 2):
        result(lab.scheduler.start(manifest(lab, deployment), never))

    lab.scheduler.stop(APP, deployment=2)

    assert [dyno.deployment for dyno in lab.scheduler.dynos(APP)] == [1]


def test_apps_do_not_touch_each_other(lab: Lab) -> None:
    result(lab.scheduler.start(manifest(lab, 1), never))
    result(lab.scheduler.start(manifest(lab, 2, app=OTHER), never))
    assert {dyno.app for dyno in lab.scheduler.dynos()} == {APP, OTHER}

    lab.scheduler.retire(manifest(lab, 9))
    lab.scheduler.stop(APP)

    assert [dyno.app for dyno in lab.scheduler.dynos()] == [OTHER]
    lab.scheduler.stop(OTHER)
    assert lab.scheduler.dynos() == []


@pytest.mark.parametrize("formation", [{"web": 2}, {"web": 0, "worker": 1}])
def test_a_dyno_that_exits_fails_the_start(lab: Lab, formation: dict[str, int]) -> None:
    result(lab.scheduler.start(manifest(lab, 1), never))

    with pytest.raises(StartFailed, match="exited with code 3") as failure:
        result(lab.scheduler.start(manifest(lab, 2, BEHAVE="exit:3", **formation), never))  # type: ignore[arg-type]

    assert "going down" in failure.value.why
    assert [dyno.deployment for dyno in lab.scheduler.dynos(APP)] == [1]


def test_after_a_failure_the_next_start_works(lab: Lab) -> None:
    with pytest.raises(StartFailed):
        result(lab.scheduler.start(manifest(lab, 1, BEHAVE="exit:3"), never))

    assert result(lab.scheduler.start(manifest(lab, 1), never))


def test_a_cancelled_start_leaves_nothing(lab: Lab) -> None:
    with pytest.raises(Cancelled):
        result(lab.scheduler.start(manifest(lab, web=2, BEHAVE="silent"), lambda: True))

    assert lab.scheduler.dynos(APP) == []


def test_an_abandoned_start_leaves_nothing(lab: Lab) -> None:
    stream = lab.scheduler.start(manifest(lab, BEHAVE="silent"), never)
    next(stream)
    stream.close()

    assert lab.scheduler.dynos(APP) == []


def test_scaling_up_starts_only_what_is_missing_and_down_stops_only_what_is_too_many(
    lab: Lab,
) -> None:
    first = result(lab.scheduler.start(manifest(lab, 1), never))
    up = result(lab.scheduler.start(with_starts(manifest(lab, 2, web=3), (1, 2, 2)), never))
    lab.scheduler.retire(with_starts(manifest(lab, 2, web=3), (1, 2, 2)))

    assert len(up) == 3
    assert set(first) < set(up)
    assert [d.deployment for d in lab.scheduler.dynos(APP)] == [1, 2, 2]

    down = with_starts(manifest(lab, 3, web=2), (1, 2))
    assert len(result(lab.scheduler.start(down, never))) == 2
    lab.scheduler.retire(down)

    assert [(d.index, d.deployment) for d in lab.scheduler.dynos(APP)] == [(1, 1), (2, 2)]


def test_retire_leaves_newer_dynos_alone(lab: Lab) -> None:
    for deployment in (1, 2):
        result(lab.scheduler.start(manifest(lab, deployment), never))

    lab.scheduler.retire(manifest(lab, 1))

    assert [dyno.deployment for dyno in lab.scheduler.dynos(APP)] == [1, 2]


def with_starts(wanted: Manifest, starts: tuple[int, ...]) -> Manifest:
    web, *others = wanted.processes
    return replace(wanted, processes=(replace(web, starts=starts), *others))
