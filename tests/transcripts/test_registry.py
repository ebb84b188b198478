"""An installation whose images are kept in a registry, with a credential helper for its login."""

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import docker
import pytest

from tests.fakeaws.registry import Registry
from tests.product import Product, product
from tests.samples import with_dockerfile
from tests.waiting import wait_until

pytestmark = pytest.mark.docker

HELPER = """#!/bin/sh
read -r place
echo "$1 $place" >> '{folder}/asked'
printf '{{"Username": "%s", "Secret": "%s"}}' '{username}' '{password}'
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Registry]:
    with closing(Registry(tmp_path / "registry", "http://127.0.0.1:9/")) as running:
        yield running


@pytest.fixture
def empire(
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    server: Registry,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Product]:
    helper = tmp_path / "docker-credential-sample"
    helper.write_text(HELPER.format(folder=tmp_path, **server.login))
    helper.chmod(0o755)
    (tmp_path / "config.json").write_text(json.dumps({"credHelpers": {server.host: "sample"}}))
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    own = {"REGISTRY": f"{server.host}/team", "DOCKER_CONFIG": str(tmp_path)}
    with product(tmp_path_factory.mktemp("kept"), **own) as running:  # sockets want short paths
        yield running


def test_a_release_is_started_from_the_registry_when_the_engine_lost_it(
    empire: Product, server: Registry, tmp_path: Path
) -> None:
    repository = empire.repository("kept", with_dockerfile("one"))

    push = empire.push(repository)

    assert f"Pushing to {server.host}/team/kept" in push.stderr
    assert (tmp_path / "asked").read_text().splitlines()[0] == f"get {server.host}"
    first = empire.images("kept")
    empire.commit(repository, with_dockerfile("two"), "Second")
    empire.push(repository)
    assert empire.ask("kept") == (200, "version two")
    wait_until(lambda: len(empire.containers("kept")) == 1, "the first version is gone")
    with closing(docker.from_env()) as engine:
        for image in first:
            engine.api.remove_image(image, force=True)

    empire.empire("rollback", "v2", "-a", "kept")

    assert empire.ask("kept") == (200, "version one")


def test_an_image_of_a_registry_is_pulled_and_deployed(empire: Product, server: Registry) -> None:
    repository = empire.repository("source", with_dockerfile("one"))
    empire.push(repository)
    with closing(docker.from_env()) as engine:
        names = [tag for row in engine.api.images() for tag in row["RepoTags"] or ()]
        (name,) = (tag for tag in names if tag.startswith(f"{server.host}/"))
        engine.api.remove_image(name)
    empire.empire("apps:create", "target", "--no-remote")

    done = empire.empire("deploy", name, "-a", "target")

    assert f"Pulling {name}" in done.stderr
    assert empire.ask("target") == (200, "version one")
