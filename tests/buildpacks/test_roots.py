"""Apps that are a folder of a larger repository."""

from dataclasses import replace

import pytest

from buildpacks.plan import Plan
from buildpacks.roots import Roots
from empire.errors import InvalidInput
from empire.secrets import Secret

DOCKERFILE = Plan("Dockerfile", {"web": ""}, dockerfile="Dockerfile")


def roots(**config: str) -> Roots:
    return Roots.of({name: Secret(value) for name, value in config.items()})


def test_the_context_is_the_app_unless_it_is_named() -> None:
    assert roots() == Roots()
    assert roots(APP_ROOT=" ./web/api/ ") == Roots("web/api", "web/api")
    assert roots(APP_ROOT="web/api", CONTEXT_ROOT=".") == Roots("web/api", "")
    assert roots(APP_ROOT="web/api", CONTEXT_ROOT="web") == Roots("web/api", "web")


@pytest.mark.parametrize(
    ("app", "context"), [("/etc", ""), ("../x", ""), ("web", "webs"), ("web", "web/api")]
)
def test_what_cannot_be_is_refused(app: str, context: str) -> None:
    with pytest.raises(InvalidInput, match="_ROOT is"):
        roots(APP_ROOT=app, **({"CONTEXT_ROOT": context} if context else {}))


def test_a_plan_may_have_a_context_of_its_own() -> None:
    plan = replace(DOCKERFILE, dockerfile="docker/web/Dockerfile", context="docker/web")
    for config, context, dockerfile in (
        ({}, "docker/web", "Dockerfile"),
        ({"APP_ROOT": "a"}, "a/docker/web", "Dockerfile"),
        ({"CONTEXT_ROOT": "."}, "", "docker/web/Dockerfile"),
        ({"APP_ROOT": "a/b", "CONTEXT_ROOT": "a"}, "a", "b/docker/web/Dockerfile"),
    ):
        found = roots(**config)
        assert found.context_of(plan) == context
        assert found.seen(plan).dockerfile == dockerfile


def test_the_dockerfile_is_found_from_the_context() -> None:
    assert Roots().seen(DOCKERFILE) is DOCKERFILE
    assert Roots("web/api").seen(DOCKERFILE).dockerfile == "web/api/Dockerfile"
    assert Roots("web/api", "web").seen(DOCKERFILE).dockerfile == "api/Dockerfile"
    with pytest.raises(InvalidInput, match=r"CONTEXT_ROOT is '\.'") as refusal:
        Roots("web/api").seen(Plan("Python", {}))
    assert "Python buildpack builds web/api alone" in refusal.value.why
