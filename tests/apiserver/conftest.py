"""One site for the tests of this package; each test makes apps of its own."""

from collections.abc import Iterator

import httpx
import pytest

from empire.access import Actor
from tests.site import Site, running


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running(tmp_path_factory.mktemp("site")) as running_site:
        yield running_site


@pytest.fixture(scope="module")
def owner(site: Site) -> tuple[Actor, str]:
    return site.person("ada@example.com")


@pytest.fixture(scope="module")
def ada(owner: tuple[Actor, str]) -> Actor:
    return owner[0]


@pytest.fixture
def http(site: Site, owner: tuple[Actor, str]) -> Iterator[httpx.Client]:
    with site.client(owner[1]) as client:
        yield client


@pytest.fixture(scope="module")
def app_with_releases(site: Site, owner: tuple[Actor, str]) -> str:
    with site.client(owner[1]) as client:
        client.post("/apps", json={"name": "numbered"})
        for version in range(2, 6):
            answer = client.patch("/apps/numbered/config-vars", json={"N": str(version)})
            assert answer.status_code == 200
    return "numbered"
