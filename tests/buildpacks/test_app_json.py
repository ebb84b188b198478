"""What app.json says."""

import json
from typing import Any

import pytest

from buildpacks.app_json import buildpacks, read
from empire.errors import InvalidInput


def app(**said: Any) -> bytes:
    return json.dumps(said, indent=2).encode()


def test_the_health_check_that_tells_of_a_start_counts() -> None:
    checks = [{"type": "liveness", "path": "/alive"}, {"path": "/up"}, {"path": "/other"}]
    assert read(app(healthchecks={"web": checks})).life.health_path == "/up"
    assert read(b"{}").life.health_path is None


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"{", "app.json cannot be read"),
        (b"[1]", "app.json cannot be read"),
        (b"\xff", "app.json cannot be read"),
        (b" " * 300_000, "app.json cannot be read"),
        (b"[" * 100_000, "app.json cannot be read"),
        (b'{"healthchecks": 1}', "line 1: healthchecks is wrong"),
        (app(healthchecks={"web": [{"path": "up"}]}), "line 5: healthchecks.web.path is wrong"),
        (app(healthchecks={"web": [{}, {"path": 3}]}), "line 6: healthchecks.web.path is wrong"),
        (app(healthchecks={"web": [{"path": "/", "type": "x"}]}), "healthchecks.web.type is wrong"),
        (app(healthchecks={"web": [{"wait": "5"}]}), "healthchecks.web.wait is wrong"),
        (app(healthchecks={"web": [{"wait": -1}]}), "healthchecks.web.wait is wrong"),
        (app(healthchecks={"web": [{"attempts": True}]}), "healthchecks.web.attempts is wrong"),
        (app(healthchecks={"web": [{"wait": 1e9}]}), "healthchecks.web is wrong"),
        (app(env=["A"]), "line 2: env is wrong"),
        (app(addons="x"), "line 2: addons is wrong"),
        (app(formation={"a b": {}}), "line 3: formation.a b is wrong"),
        (app(formation={"web": {"quantity": -1}}), "line 4: formation.web.quantity is wrong"),
        (app(formation={"web": {"quantity": True}}), "line 4: formation.web.quantity is wrong"),
        (app(formation={"web": {"size": "huge"}}), "line 4: formation.web.size is wrong"),
        (app(scripts={"postdeploy": ["a"]}), "line 3: scripts.postdeploy is wrong"),
        (app(scripts={"postdeploy": "a\0"}), "line 3: scripts.postdeploy is wrong"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_line(content: bytes, what: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        read(content)
    assert what in refusal.value.what


def test_config_vars_that_are_required_and_those_with_a_value_are_told() -> None:
    env = {
        "A": {"description": "needed"},
        "B": "a default",
        "C": {"required": False},
        "D": {"generator": "secret"},
        "E": "",
    }
    life = read(app(env=env)).life
    assert (life.required, life.offered) == (("A", "E"), ("B", "D"))


def test_health_checks_may_give_a_start_more_time() -> None:
    checks = [{"path": "/up", "attempts": 40, "timeout": 2, "wait": 1.5}, {"initialDelay": 10}]
    life = read(app(healthchecks={"web": checks})).life
    assert (life.health_path, life.start_seconds) == ("/up", 140)


def test_a_health_check_without_a_path_asks_for_nothing() -> None:
    found = read(app(healthchecks={"web": [{"attempts": 10}]}))
    assert (found.life.health_path, found.life.start_seconds) == (None, 100)
    assert found.warnings == (
        "app.json: None of web's health checks has a path, so any answer will do.",
    )


def test_what_is_empty_says_nothing() -> None:
    assert read(app(formation=[], env=[], addons={}, healthchecks=None, scripts={})) == read(b"{}")


def test_a_script_may_have_a_size() -> None:
    script = {"command": " rake db:seed ", "size": "eco"}
    assert read(app(scripts={"postdeploy": script})).life.postdeploy == "rake db:seed"


def test_a_formation_may_leave_either_out() -> None:
    life = read(app(formation={"web": {"size": "performance-l"}, "a": {"quantity": 0}})).life
    assert life.formation == {"web": (None, "PX"), "a": (0, "")}
    assert life.formation_told == "web:PX, a=0"


def test_the_buildpacks_are_told_in_their_order() -> None:
    listed = [{"url": "heroku/nodejs"}, "https://example.com/own.git"]
    found = buildpacks(app(buildpacks=listed))
    assert [one.text() for one in found] == ["heroku/nodejs", "https://example.com/own.git"]
    assert [one.where for one in found] == ["app.json, line 4", "app.json, line 6"]
    assert buildpacks(b"{}") == []
    with pytest.raises(InvalidInput, match=r"line 2: buildpacks is wrong"):
        buildpacks(app(buildpacks="heroku/ruby"))
