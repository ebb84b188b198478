"""GET /disk and /apps/{app}/disk."""

import httpx
import pytest

from empire.access import Actor
from tests.site import Site


@pytest.fixture(scope="module")
def app(site: Site, owner: tuple[Actor, str]) -> str:
    with site.client(owner[1]) as client:
        client.post("/apps", json={"name": "large"})
    return "/apps/large"


def test_what_an_app_takes_up(http: httpx.Client, app: str) -> None:
    found = http.get(f"{app}/disk").json()
    assert [one["app"] for one in found["apps"]] == ["large"]
    assert found["apps"][0]["images_unique_bytes"] == 5_000_000
    assert found["free_bytes"] < found["total_bytes"]
    assert "large" in [one["app"] for one in http.get("/disk").json()["apps"]]


def test_others_see_neither(site: Site, app: str) -> None:
    _, token = site.person("bob@example.com")
    with site.client(token) as client:
        assert client.get(f"{app}/disk").status_code == 404
        assert client.get("/disk").json()["apps"] == []
    with site.client("no-token") as client:
        assert client.get("/disk").status_code == 401
