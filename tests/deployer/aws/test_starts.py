"""Starts on a cluster that runs containers: told truthfully, whatever becomes of them."""

from dataclasses import replace

import docker
import pytest

from empire.errors import StartFailed
from empire.manifest import Manifest
from empire.names import AppName, ImageRef
from empire.settings import Settings
from tests.contracts.aws_lab import AwsLab
from tests.contracts.labs import manifest
from tests.fakes import never
from tests.streams import played, result
from tests.waiting import wait_until

pytestmark = pytest.mark.docker
APP = AppName("sample")


def starts(wanted: Manifest, *, web: tuple[int, ...], worker: tuple[int, ...] = ()) -> Manifest:
    first, second = wanted.processes
    return replace(wanted, processes=(replace(first, starts=web), replace(second, starts=worker)))


def ids(lab: AwsLab) -> set[str]:
    return {dyno.id for dyno in lab.scheduler.dynos(APP)}


def test_calls_of_each_kind_of_change(lab: AwsLab) -> None:
    both = {"web": 1, "worker": 1, "COLOUR": "green"}
    first = manifest(lab, 1, **both)  # type: ignore[arg-type]
    lab.scheduler.dynos()
    lab.asked()

    result(lab.scheduler.start(first, never))
    assert sorted(lab.asked()) == [
        "ecs.CreateService",
        "ecs.CreateService",
        "ecs.RegisterTaskDefinition",
        "ecs.RegisterTaskDefinition",
        "elbv2.CreateRule",
        "elbv2.CreateTargetGroup",
        "elbv2.ModifyTargetGroupAttributes",
        "secretsmanager.CreateSecret",
    ]

    second = replace(manifest(lab, 2, **both), name="renamed")  # type: ignore[arg-type]
    result(lab.scheduler.start(second, never))
    lab.scheduler.retire(second)
    assert sorted(lab.asked()) == [*["ecs.RegisterTaskDefinition"] * 2, *["ecs.UpdateService"] * 2]

    back = replace(first, deployment=3, version=103)
    result(lab.scheduler.start(back, never))
    lab.scheduler.retire(back)
    assert lab.asked() == ["ecs.UpdateService", "ecs.UpdateService"]

    larger = starts(manifest(lab, 4, **{**both, "web": 2}), web=(3, 4), worker=(3,))  # type: ignore[arg-type]
    result(lab.scheduler.start(larger, never))
    lab.scheduler.retire(larger)
    assert lab.asked() == ["ecs.UpdateService"]

    smaller = starts(manifest(lab, 5, **both), web=(3,), worker=(3,))  # type: ignore[arg-type]
    result(lab.scheduler.start(smaller, never))
    lab.scheduler.retire(smaller)
    assert lab.asked() == ["ecs.UpdateService"]
    assert [dyno.deployment for dyno in lab.scheduler.dynos(APP)] == [3, 3]
    assert lab.asked() == []


def test_who_waits_is_told_why_and_what_ran_goes_on(lab: AwsLab) -> None:
    result(lab.scheduler.start(manifest(lab, 1, health_path="/health"), never))
    before = ids(lab)
    lab.account.settings = lab.settings.model_copy(update={"start_seconds": 8})
    unwell = manifest(lab, 2, BEHAVE="unwell", health_path="/health")
    events: list[str] = []

    with pytest.raises(StartFailed, match=r"web\.1 did not become healthy within 8") as failure:
        events.extend(map(str, lab.scheduler.start(unwell, never)))

    assert any("0/1 targets healthy" in event for event in events), events
    assert "503 from /health" in failure.value.why
    assert "obedient unwell starts" in failure.value.why
    assert ids(lab) == before


def test_a_crash_is_told_at_once_and_the_old_tasks_are_not_touched(lab: AwsLab) -> None:
    result(lab.scheduler.start(manifest(lab, 1, web=2), never))
    before = ids(lab)

    with pytest.raises(StartFailed, match="exited with code 9"):
        result(lab.scheduler.start(manifest(lab, 2, web=2, BEHAVE="exit:9"), never))

    assert ids(lab) == before
    result(lab.scheduler.start(manifest(lab, 3, web=2), never))


def test_an_image_that_is_not_there(lab: AwsLab) -> None:
    gone = ImageRef(lab.image.partition("@")[0] + "@sha256:" + "0" * 64)

    with pytest.raises(StartFailed, match=r"image of web\.1 could not be pulled") as failure:
        result(lab.scheduler.start(manifest(lab, 1, image=gone), never))

    assert "CannotPullContainerError" in failure.value.why
    assert lab.scheduler.dynos(APP) == []


def test_config_that_somebody_took_away_is_stored_again(lab: AwsLab) -> None:
    result(lab.scheduler.start(manifest(lab, 1, COLOUR="green"), never))
    secrets = lab.account.client("secretsmanager")
    secrets.delete_secret(SecretId="empire/sample", ForceDeleteWithoutRecovery=True)

    with pytest.raises(StartFailed, match=r"web\.1 could not get its config"):
        result(lab.scheduler.start(manifest(lab, 2, COLOUR="green"), never))

    assert result(lab.scheduler.start(manifest(lab, 3, COLOUR="green"), never))


def test_one_dyno_restarts_and_the_others_stay(lab: AwsLab) -> None:
    result(lab.scheduler.start(manifest(lab, 1, web=2, worker=2), never))
    before = {dyno.name: dyno.id for dyno in lab.scheduler.dynos(APP)}
    again = starts(manifest(lab, 2, web=2, worker=2), web=(1, 2), worker=(2, 1))
    lab.asked()

    assert len(result(lab.scheduler.start(again, never))) == 2
    lab.scheduler.retire(again)

    after = {dyno.name: dyno.id for dyno in lab.scheduler.dynos(APP)}
    assert {name for name in before if after[name] != before[name]} == {"web.2", "worker.1"}
    assert all(again.holds(dyno) for dyno in lab.scheduler.dynos(APP))
    assert "elbv2.DeregisterTargets" in (calls := lab.asked())
    assert {"ecs.StopTask"} == {call for call in calls if call.startswith("ecs.")}


def test_a_restart_of_all_registers_nothing(lab: AwsLab) -> None:
    result(lab.scheduler.start(manifest(lab, 1), never))
    before = ids(lab)
    lab.asked()

    again = manifest(lab, 2)
    result(lab.scheduler.start(again, never))
    lab.scheduler.retire(again)

    assert lab.asked() == ["ecs.UpdateService"]
    assert not ids(lab) & before


def test_what_somebody_changed_is_repaired(lab: AwsLab) -> None:
    wanted = manifest(lab, 1, web=1, worker=1)
    result(lab.scheduler.start(wanted, never))
    ecs, cluster = lab.account.client("ecs"), lab.settings.aws_cluster
    ecs.delete_service(cluster=cluster, service="sample_web", force=True)
    ecs.update_service(cluster=cluster, service="sample_worker", desiredCount=0)
    wait_until(lambda: lab.scheduler.dynos(APP) == [])

    result(lab.scheduler.start(wanted, never))

    assert [dyno.name for dyno in lab.scheduler.dynos(APP)] == ["web.1", "worker.1"]
    ecs.update_service(cluster=cluster, service="sample_worker", desiredCount=3)
    wait_until(lambda: len(lab.scheduler.dynos(APP)) == 4)
    lab.scheduler.retire(wanted)
    assert [dyno.name for dyno in lab.scheduler.dynos(APP)] == ["web.1", "worker.1"]


def test_destroy_leaves_nothing(lab: AwsLab) -> None:
    for number, colour in enumerate(("green", "red"), start=1):
        result(lab.scheduler.start(manifest(lab, number, worker=1, COLOUR=colour), never))

    for _ in range(2):
        lab.scheduler.stop(APP)

    ecs, cluster = lab.account.client("ecs"), lab.settings.aws_cluster
    assert lab.scheduler.dynos() == []
    wait_until(lambda: ecs.list_services(cluster=cluster)["serviceArns"] == [])
    wait_until(lambda: ecs.list_tasks(cluster=cluster)["taskArns"] == [])
    families = ecs.list_task_definition_families(familyPrefix="e-sample_", status="ALL")
    assert families["families"] == []
    secrets = lab.account.client("secretsmanager").list_secrets()["SecretList"]
    assert [one["Name"] for one in secrets if one["Name"] == "empire/sample"] == []
    groups = lab.account.client("elbv2").describe_target_groups()["TargetGroups"]
    assert [one for one in groups if one["TargetGroupName"].startswith("e-sample-")] == []


def test_without_a_queue_the_cluster_is_asked(
    simulated: Settings, engine: docker.APIClient, obedient: ImageRef
) -> None:
    lab = AwsLab(simulated.model_copy(update={"aws_event_queue": ""}), engine, obedient)
    try:
        wanted = manifest(lab, 1, web=1, worker=1)
        events, targets = played(lab.scheduler.start(wanted, never))
        assert lab.answers(targets[0])
        assert len(events) == 3
        newer = manifest(lab, 2, web=2)
        result(lab.scheduler.start(newer, never))
        lab.scheduler.retire(newer)
        assert {dyno.deployment for dyno in lab.scheduler.dynos(APP)} == {2}
        with pytest.raises(StartFailed, match="exited with code 4"):
            result(lab.scheduler.start(manifest(lab, 3, web=2, BEHAVE="exit:4"), never))
        lab.asked()
        assert len(lab.scheduler.dynos()) == 2
        assert lab.asked() == ["ecs.ListTasks", "ecs.DescribeTasks"]
    finally:
        lab.close()
