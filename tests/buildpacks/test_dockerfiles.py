"""What BuildKit offers to Dockerfiles, and that no layer keeps a secret."""

import io
import subprocess
import tarfile
import uuid
from pathlib import Path

import pytest

from buildpacks.builder import Builder
from buildpacks.engine import Engine
from empire.errors import BuildFailed
from empire.secrets import Secret
from tests.buildpacks.conftest import MakeBuilder
from tests.buildpacks.sources import Repository, never, told
from tests.buildpacks.test_builder import run

pytestmark = pytest.mark.docker

BASE = f"FROM empire/python:3\nLABEL empire.test=1\nENV RUN={uuid.uuid4()}\n"
HUSH = f"hush-{uuid.uuid4()}"


def everything_of(image: str) -> bytes:
    """Return the image's history and the content of every file of every layer."""
    history = subprocess.run(
        ["docker", "history", "--no-trunc", image], capture_output=True, check=True
    )
    saved = subprocess.run(["docker", "save", image], capture_output=True, check=True)
    with tarfile.open(fileobj=io.BytesIO(saved.stdout)) as archive:
        layers = [archive.extractfile(one) for one in archive if one.isfile()]
        return history.stdout + b"".join(layer.read() for layer in layers if layer)


def test_secrets_reach_a_build_that_names_them_and_no_layer(
    builder: Builder, repository: Repository
) -> None:
    look = 'RUN --mount=type=secret,id=api-token test "$(cat /run/secrets/api-token)" = '
    source = repository.commit(
        {"Dockerfile": f"{BASE}{look}{HUSH[::-1]} || sha256sum /run/secrets/api-token > /seen\n"
         "RUN env > /env; ls /run/secrets >> /env 2>&1 || true\n"}
    )  # fmt: skip
    config = {"API_TOKEN": Secret(HUSH), "OTHER": Secret(f"other-{HUSH}")}
    story = told(builder.build(source, "1", never, config))
    assert "Secrets from config vars: api-token" in story.text
    assert run(story.image.ref, "cat", "/seen")
    assert HUSH.encode() not in everything_of(story.image.ref)
    assert HUSH not in story.text


def test_arguments_caches_and_a_target_stage(builder: Builder, repository: Repository) -> None:
    source = repository.commit(
        {"Dockerfile": f"{BASE.replace('3', '3 AS first', 1)}ARG MODE=none\n"
         "RUN --mount=type=cache,target=/cache echo $MODE > /mode; touch /cache/x\n"
         "FROM first AS second\nRUN echo second > /mode\n"}
    )  # fmt: skip
    config = {"MODE": Secret("given"), "DOCKER_BUILD_TARGET": Secret("first")}
    story = told(builder.build(source, "1", never, config))
    assert "Build arguments from config vars: MODE" in story.text
    assert run(story.image.ref, "sh", "-c", "cat /mode; ls /cache") == "given\n"


def test_the_classic_builder_has_no_mounts(
    make_builder: MakeBuilder, repository: Repository
) -> None:
    source = repository.commit({"Dockerfile": f"{BASE}RUN --mount=type=cache,target=/c true\n"})
    with pytest.raises(BuildFailed, match="needs BuildKit"):
        told(make_builder(builder="classic").build(source, "1", never))


@pytest.mark.parametrize(
    ("step", "word"),
    [("COPY --link a /a", "--link"), ("RUN <<EOF\necho hi > /a\nEOF", "Heredocs")],
)
def test_what_the_engine_is_too_old_for_is_told(
    step: str, word: str, builder: Builder, repository: Repository, engine: Engine
) -> None:
    source = repository.commit({"Dockerfile": f"{BASE}{step}\n", "a": "hi\n"})
    if engine.get("/version")["ApiVersion"] >= "1.42":
        assert run(told(builder.build(source, "1", never)).image.ref, "cat", "/a") == "hi\n"
        return
    with pytest.raises(BuildFailed) as failure:
        told(builder.build(source, "1", never))
    assert word in failure.value.fix
    assert "# syntax=docker/dockerfile:1" in failure.value.fix


def test_caches_of_apps_are_apart(builder: Builder, repository: Repository, tmp_path: Path) -> None:
    step = "RUN --mount=type=cache,target=/cache ls /cache > /seen; touch /cache/mine\n"
    files = {"Dockerfile": f"{BASE}{step}"}
    first = told(builder.build(repository.commit(files), "1", never)).image.ref
    own = repository.commit({"Dockerfile": f"{BASE}ENV again=1\n{step}"})
    other = Repository(tmp_path / "other", "bp-other").commit(files)
    assert run(first, "cat", "/seen") == ""
    assert run(told(builder.build(own, "2", never)).image.ref, "cat", "/seen") == "mine\n"
    assert run(told(builder.build(other, "1", never)).image.ref, "cat", "/seen") == ""


def test_the_operators_files_reach_dockerfiles_where_wanted(
    make_builder: MakeBuilder, repository: Repository, tmp_path: Path
) -> None:
    bundle = tmp_path / "ca.crt"
    bundle.write_text(HUSH)
    builder = make_builder(build_ca_bundle=bundle, build_dockerfiles_trust=True,
                           build_pip_index_url="http://index.example.com/simple")  # fmt: skip
    step = (
        "RUN grep -q hush $SSL_CERT_FILE && grep index.example.com $PIP_CONFIG_FILE > /dev/null\n"
    )
    ref = told(
        builder.build(repository.commit({"Dockerfile": f"{BASE}{step}"}), "1", never)
    ).image.ref
    assert "SSL_CERT_FILE" not in run(ref, "env")
    kept = everything_of(ref)
    assert HUSH.encode() not in kept
    assert b"index.example.com/simple" not in kept
