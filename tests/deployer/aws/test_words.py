"""What people read when tasks do not come up: pure words, from what AWS tells."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from deployer.aws import errors, failures, requests, run_errors
from deployer.aws.account import Account
from deployer.aws.health import Health
from deployer.aws.lives import Life, Record
from deployer.aws.tasks import Task
from empire.manifest import Size
from empire.settings import Settings

SIZE = Size("1X", 0.5, 512)


def health(path: str | None = None, **targets: dict[str, str]) -> Health:
    """Return the health of a group whose targets AWS describes so."""
    rows = [
        {"Target": {"Id": one.replace("_", ".")}, "TargetHealth": row}
        for one, row in targets.items()
    ]
    answers: Any = SimpleNamespace(
        describe_target_health=lambda **_: {"TargetHealthDescriptions": rows}
    )
    return Health(cast("Account", SimpleNamespace(client=lambda _: answers)), "group", path)


def test_who_is_not_healthy_is_told_with_the_reason() -> None:
    found = health(
        "/health",
        a={"State": "healthy"},
        b={"State": "unhealthy", "Description": "Health checks failed with these codes: [503]"},
        c={"State": "unhealthy", "Reason": "Target.Timeout"},
    )

    assert found.told(["a", "b", "c"]) == (
        "1/3 targets healthy, b: 503 from /health, c: no answer from /health in time"
    )
    assert found.are_well(["a"])
    assert not found.are_well(["a", "b"])


def test_targets_on_their_way_are_told() -> None:
    found = health(
        None,
        a={"State": "initial"},
        b={"State": "unhealthy", "Description": "Connection refused"},
        c={"State": "new", "Description": "something else"},
    )

    assert found.told(["a"]) == "0/1 targets healthy, a: not asked yet"
    assert found.told(["b", "c", "d"]) == (
        "0/3 targets healthy, b: Connection refused (/), c: something else, d: not registered yet"
    )


@pytest.mark.parametrize(
    ("trouble", "told"),
    [
        ("has started 1 tasks", ""),
        ("(port 80) is unhealthy due to (reason codes: [500, 502])", "500, 502 from /"),
        ("(port 80) is unhealthy due to (reason Request timed out).", "Request timed out (/)"),
    ],
)
def test_a_services_event_tells_of_its_probes(trouble: str, told: str) -> None:
    assert health().reason_in(trouble) == told


def stopped(**what: Any) -> Task:
    given = {
        "arn": "arn:aws:ecs:us-east-1:123456789012:task/empire/1f", "app": "shop", "process": "web",
        "ecs_id": "", "definition": "", "last_status": "STOPPED", "desired_status": "STOPPED",
        "version": 1,
    }  # fmt: skip
    return Task(**{**given, **what})


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ({"reason": "CannotPullContainerError: gone"}, "could not be pulled"),
        ({"reason": f"ResourceInitializationError: {failures.LOST_CONFIG}"}, "its config vars"),
        ({"reason": "ResourceInitializationError: no way out"}, "could not be prepared"),
        ({"reason": "something else"}, "could not start"),
        ({"exit_code": 137, "is_out_of_memory": True}, "more memory than size 1X has"),
        ({"exit_code": 3}, "exited with code 3"),
    ],
)
def test_why_a_task_stopped_is_told(what: dict[str, Any], told: str) -> None:
    assert told in failures.told(stopped(**what), "web.1", ["last line"], SIZE).what


def test_what_passes_is_not_final() -> None:
    busy = stopped(stop_code="TaskFailedToStart", reason="Capacity is unavailable at this time")
    lost = stopped(stop_code="TaskFailedToStart", reason="CannotPullContainerError")

    assert not failures.is_final(busy)
    assert failures.is_final(lost)


def test_of_what_takes_requests_one_never_runs_on_spot() -> None:
    spot, base = "FARGATE_SPOT", requests.strategy("FARGATE_SPOT", is_routed=True)

    assert [row["capacityProvider"] for row in base] == ["FARGATE", spot]
    assert requests.strategy(spot, is_routed=False) == [{"capacityProvider": spot, "weight": 1}]


@pytest.mark.parametrize(("wished", "seconds"), [(0, 120), (300, 360)])
def test_ecs_leaves_slow_starts_alone(wished: int, seconds: int, settings: Settings) -> None:
    life = Life(1, "definition", (1,), (1,), port=8080, start_seconds=wished)
    request = requests.creation(Record("app", "web", (life,)), life, settings)
    assert request["healthCheckGracePeriodSeconds"] == seconds


def test_every_error_says_what_to_do_next() -> None:
    for error in (
        errors.no_engine("refused"),
        errors.image_not_built("empire/shop"),
        errors.config_too_large("shop"),
        failures.never_placed("shop", 60, ""),
        run_errors.not_enterable("web.1", "It starts."),
        run_errors.no_shell_inside(""),
        run_errors.session_broken("web.1", "closed"),
    ):
        assert error.fix
