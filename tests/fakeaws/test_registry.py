"""ECR: the login, repositories made by a push, what a push and a deletion make known."""

import base64
from collections.abc import Iterator

import docker
import httpx
import pytest
from botocore.exceptions import ClientError

from empire.names import ImageRef
from tests.conftest import build
from tests.fakeaws.simulator import Simulator
from tests.fakeaws.stage import push
from tests.waiting import wait_until

pytestmark = pytest.mark.docker


@pytest.fixture(scope="module")
def small(engine: docker.APIClient) -> Iterator[ImageRef]:
    """An image that is pushed in no time."""
    image = build(engine, {"Dockerfile": b"FROM scratch\nCOPY Dockerfile /\n"})
    yield image
    engine.remove_image(image, force=True)


def test_a_push_makes_the_repository_and_the_image_known(
    simulator: Simulator, engine: docker.APIClient, small: ImageRef
) -> None:
    simulator.settings()
    image = push(simulator, engine, small, "made-by-push")
    ecr = simulator.client("ecr")
    wish = {"repositoryName": "empire/made-by-push"}

    wait_until(lambda: bool(ecr.describe_images(**wish)["imageDetails"]))

    (found,) = ecr.describe_images(**wish)["imageDetails"]
    assert (found["imageDigest"], found["imageTags"]) == (image.partition("@")[2], ["v1"])
    (repository,) = ecr.describe_repositories(repositoryNames=[wish["repositoryName"]])[
        "repositories"
    ]
    assert image.startswith(repository["repositoryUri"] + "@")
    ecr.batch_delete_image(**wish, imageIds=[{"imageDigest": found["imageDigest"]}])
    assert _manifest(simulator, "empire/made-by-push", found["imageDigest"]) == 404


def test_a_repository_that_no_template_makes_must_be_there(
    simulator: Simulator, engine: docker.APIClient, small: ImageRef
) -> None:
    simulator.settings()
    place, login = f"{simulator.registry}/elsewhere/app", _login(simulator)
    engine.tag(small, place, "v1")

    refused = list(engine.push(place, "v1", stream=True, decode=True, auth_config=login))
    assert "The repository with name 'elsewhere/app' does not exist" in refused[-1]["error"]

    simulator.client("ecr").create_repository(repositoryName="elsewhere/app")
    taken = list(engine.push(place, "v1", stream=True, decode=True, auth_config=login))
    assert any("aux" in line for line in taken)


def test_a_wrong_password_opens_nothing(simulator: Simulator) -> None:
    answer = httpx.get(f"http://{simulator.registry}/v2/", auth=("AWS", "guess"))
    assert answer.status_code == 401


def test_creation_templates_are_made_once(simulator: Simulator) -> None:
    simulator.settings()
    ecr = simulator.client("ecr")
    with pytest.raises(ClientError, match="TemplateAlreadyExists"):
        ecr.create_repository_creation_template(prefix="empire", appliedFor=["CREATE_ON_PUSH"])
    found = ecr.describe_repository_creation_templates()["repositoryCreationTemplates"]
    assert [template["prefix"] for template in found] == ["empire"]


def _login(simulator: Simulator) -> dict[str, str]:
    token = simulator.client("ecr").get_authorization_token()["authorizationData"][0]
    user, _, password = base64.b64decode(token["authorizationToken"]).decode().partition(":")
    return {"username": user, "password": password}


def _manifest(simulator: Simulator, name: str, digest: str) -> int:
    login = _login(simulator)
    url = f"http://{simulator.registry}/v2/{name}/manifests/{digest}"
    return httpx.get(url, auth=(login["username"], login["password"])).status_code
