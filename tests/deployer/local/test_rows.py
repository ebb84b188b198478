"""Containers as the engine lists and inspects them."""

import time
from typing import Any

import pytest

from deployer.local.rows import dyno_of, needs_a_closer_look, refined, target
from empire.manifest import Target


def row(state: str = "running", **more: Any) -> dict[str, Any]:
    labels = {
        "empire.app": "sample",
        "empire.process": "web",
        "empire.index": "1",
        "empire.version": "2",
        "empire.deployment": "3",
        "empire.size": "1X",
        "empire.command": "",
        "empire.port": "8080",
    }
    networks = {"none": {"IPAddress": ""}, "bridge": {"IPAddress": "172.17.0.2"}}
    return {
        "Id": "abc",
        "Labels": labels,
        "State": state,
        "Status": "Up 3 days",
        "Command": "/init python app.py",
        "Created": time.time() - 3 * 86400,
        "NetworkSettings": {"Networks": networks},
        "Ports": [],
    } | more


def test_the_image_s_own_command_is_shown() -> None:
    assert dyno_of(row()).command == "/init python app.py"


def test_target_is_the_container_s_address() -> None:
    assert target(row()) == Target("172.17.0.2", 8080)


@pytest.mark.parametrize(
    "ports", [[{"PrivatePort": 8080, "PublicPort": 49153}], [{"PrivatePort": 80}]]
)
def test_target_is_the_published_port(ports: list[dict[str, int]]) -> None:
    expected = Target("127.0.0.1", 49153) if len(ports[0]) > 1 else Target("172.17.0.2", 8080)
    assert target(row(Ports=ports)) == expected


def test_target_of_an_inspected_container() -> None:
    labels = row()["Labels"]
    bound = {"8080/tcp": [{"HostIp": "127.0.0.1", "HostPort": "49154"}], "9000/tcp": None}
    details = {
        "Config": {"Labels": labels},
        "NetworkSettings": {"Networks": {}, "Ports": bound},
    }
    assert target(details) == Target("127.0.0.1", 49154)


def test_no_address_no_target() -> None:
    assert target(row(NetworkSettings={"Networks": {}})) is None
    assert target(row(Labels=row()["Labels"] | {"empire.port": ""})) is None


@pytest.mark.parametrize(
    ("state", "shown"),
    [("created", "starting"), ("running", "up"), ("restarting", "crashed"), ("dead", "down")],
)
def test_states(state: str, shown: str) -> None:
    assert dyno_of(row(state)).state == shown


@pytest.mark.parametrize(
    ("status", "age_seconds", "needed"),
    [
        ("Up 3 days", 3 * 86400, False),
        ("Up 2 months", 70 * 86400, False),
        ("Up About an hour", 4000, False),
        ("Up About a minute", 130, False),
        ("Up 5 seconds", 5, True),
        ("Up 5 seconds", 3 * 86400, True),
        ("Up Less than a second", 3 * 86400, True),
        ("Up 2 hours", 3 * 86400, True),
        ("Restarting (1) 3 seconds ago", 3 * 86400, True),
        ("Exited (137) 2 days ago", 3 * 86400, True),
    ],
)
def test_a_closer_look(status: str, age_seconds: float, needed: bool) -> None:
    listed = row(Status=status, Created=time.time() - age_seconds)
    assert needs_a_closer_look(listed, young_seconds=120) is needed


def test_one_that_never_started_keeps_its_creation_time() -> None:
    seen = dyno_of(row("created"))
    details = {
        "State": {"Status": "created", "Running": False, "ExitCode": 0}
        | {"StartedAt": "0001-01-01T00:00:00Z"},
        "HostConfig": {"RestartPolicy": {"Name": "no"}},
        "RestartCount": 0,
    }
    better = refined(seen, details)
    assert (better.started_at, better.exit_code, better.target) == (seen.started_at, None, None)
    assert better.state == "starting"
