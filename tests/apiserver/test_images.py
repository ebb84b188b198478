"""Deploying images that were built elsewhere."""

from collections.abc import Iterator

import httpx
import pytest

from empire import deployments
from empire.errors import BuildFailed
from tests.site import Site


@pytest.fixture
def app(http: httpx.Client) -> Iterator[str]:
    http.post("/apps", json={"name": "imaged"})
    yield "/apps/imaged"
    http.delete("/apps/imaged")


def deployed(http: httpx.Client, site: Site, app: str, image: str) -> deployments.Deployment:
    answer = http.post(f"{app}/deployments", json={"image": image})
    assert answer.status_code == 202, answer.text
    assert list(deployments.follow(site.store, answer.json()["id"], quiet_seconds=0.2))
    with site.store.reading() as session:
        return deployments.find(session, answer.json()["id"])


def test_an_image_goes_live_without_a_build(http: httpx.Client, site: Site, app: str) -> None:
    ended = deployed(http, site, app, "web:1")

    assert (ended.kind, ended.step) == ("image", "live")
    release = http.get(f"{app}/releases/2").json()
    assert release["description"] == "Deploy web:1"
    (build,) = http.get(f"{app}/builds").json()
    assert build["source_blob"]["version"] is None
    assert build["status"] == "succeeded"


def test_an_image_that_cannot_be_had_fails_and_says_so(
    http: httpx.Client, site: Site, app: str
) -> None:
    site.builder.fail("take", BuildFailed("The image web:2 cannot be had."))

    ended = deployed(http, site, app, "web:2")

    assert (ended.step, ended.what) == ("failed", "The image web:2 cannot be had.")


def test_another_apps_image_is_for_those_who_see_that_app(
    http: httpx.Client, site: Site, app: str
) -> None:
    http.post("/apps", json={"name": "others"})
    _, token = site.person("mallory@example.com")
    with site.client(token) as mallory:
        mallory.post("/apps", json={"name": "mallorys"})
        refused = deployed(mallory, site, "/apps/mallorys", "others/web:1")
        gone = deployed(mallory, site, "/apps/mallorys", "absent/web:1")

    assert refused.step == gone.step == "failed"
    assert refused.what == "The image others/web:1 is not yours."
    assert deployed(http, site, app, "others/web:1").step == "live"
    assert deployed(http, site, app, "imaged/web:1").step == "live"


@pytest.mark.parametrize(
    "name", ["", "UPPER", "a b", "-x", "http://example.com/x", "x:" + "y" * 200]
)
def test_what_names_no_image_is_refused(http: httpx.Client, app: str, name: str) -> None:
    assert http.post(f"{app}/deployments", json={"image": name}).status_code == 422
