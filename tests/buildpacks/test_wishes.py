"""Which config vars a Dockerfile names."""

import pytest

from buildpacks.wishes import granted, has_mounts
from empire.secrets import Secret

CONFIG = {
    name: Secret(value)
    for name, value in {
        "MODE": "production",
        "NPM_TOKEN": "hush",
        "API_KEY": "hush too",
        "DATABASE_URL": "postgres://user:word@db.example.com/x",
        "OTHER": "never named",
    }.items()
}


def test_arguments_are_those_that_are_declared() -> None:
    found = granted("ARG VERSION=1 MODE\nFROM x:$VERSION\nARG ABSENT\nENV OTHER=1\n", CONFIG)
    assert found.arguments == {"MODE": "production"}
    assert found.secrets == {}
    assert found.notes == ("Build arguments from config vars: MODE",)
    assert found.warnings == ()


def test_arguments_that_look_secret_are_told() -> None:
    found = granted("FROM x\nARG API_KEY\narg DATABASE_URL=none\n", CONFIG)
    assert list(found.arguments) == ["API_KEY", "DATABASE_URL"]
    assert [warning.split()[0] for warning in found.warnings] == ["API_KEY", "DATABASE_URL"]
    assert "--mount=type=secret,id=API_KEY" in found.warnings[0]


@pytest.mark.parametrize(
    ("step", "secrets"),
    [
        ("RUN --mount=type=secret,id=NPM_TOKEN x", {"NPM_TOKEN": b"hush"}),
        ("RUN --mount=type=secret,id=npm-token,target=/t x", {"npm-token": b"hush"}),
        ("RUN --mount=type=secret,target=/run/API_KEY x", {"API_KEY": b"hush too"}),
        ("RUN --mount=type=cache,target=/c \\\n # why\n --mount=id=API_KEY,type=secret x",
         {"API_KEY": b"hush too"}),
        ("# RUN --mount=type=secret,id=API_KEY x", {}),
        ("RUN <<EOF\nRUN --mount=type=secret,id=API_KEY x\nARG MODE\nEOF", {}),
        ("COPY <<-'END' /x\n\tARG MODE\n\tEND\nRUN --mount=type=secret,id=API_KEY x",
         {"API_KEY": b"hush too"}),
    ],
)  # fmt: skip
def test_secrets_are_those_that_are_mounted(step: str, secrets: dict[str, bytes]) -> None:
    found = granted(f"FROM x\n{step}\n", CONFIG)
    assert found.secrets == secrets
    assert found.arguments == {}


def test_a_secret_that_is_not_set_is_told() -> None:
    found = granted("FROM x\nRUN --mount=type=secret,id=nothing x\n", CONFIG)
    assert found.secrets == {}
    assert found.warnings == (
        "The Dockerfile asks for the secret nothing, and there is no config var of that name.",
    )


def test_the_target_stage_is_a_config_var() -> None:
    assert granted("FROM x AS a\n", CONFIG).target == ""
    assert granted("FROM x AS a\n", {"DOCKER_BUILD_TARGET": Secret("a")}).target == "a"


def test_mounts() -> None:
    assert has_mounts("FROM x\nRUN --mount=type=cache,target=/c x\n")
    assert not has_mounts("FROM x\nCOPY --mount=1 a b\nRUN x\n")
