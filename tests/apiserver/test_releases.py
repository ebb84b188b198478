"""Going back, comparing, and what was said: releases as Heroku's clients meet them."""

from collections.abc import Iterator

import httpx
import pytest

from empire.access import Actor
from empire.names import AppName
from tests.apiserver.forms import RELEASE, form_of
from tests.fakes import FakeRegistry
from tests.site import Site

NEWEST = {"Range": "version ..; order=desc,max=10"}


@pytest.fixture
def app(http: httpx.Client, site: Site, ada: Actor) -> Iterator[str]:
    http.post("/apps", json={"name": "ages"})
    site.live("ages", ada, "1")
    site.live("ages", ada, "2")
    yield "/apps/ages"
    http.delete("/apps/ages")


def test_a_rollback_answers_with_the_new_release(http: httpx.Client, app: str) -> None:
    # As Heroku's CLI does: the second of those that can be gone back to.
    to = [one for one in http.get(f"{app}/releases", headers=NEWEST).json() if _is_eligible(one)][1]
    answer = http.post(f"{app}/releases", json={"release": to["id"]})
    made = answer.json()

    assert (answer.status_code, form_of(made)) == (201, RELEASE)
    assert (to["version"], made["version"]) == (2, 4)
    assert made["description"] == "Rollback to v2"
    assert made["slug"] == to["slug"]
    assert "Released v4" in httpx.get(made["output_stream_url"], trust_env=False).text
    assert http.get(f"{app}/releases/4").json()["current"]


def test_a_rollback_may_be_followed_and_described(http: httpx.Client, app: str) -> None:
    answer = http.post(
        f"{app}/releases",
        json={"release": "v2", "description": "too slow"},
        headers={"Prefer": "respond-async"},
    )

    assert (answer.status_code, answer.json()["kind"]) == (202, "rollback")
    assert answer.json()["description"] == "Rollback to v2: too slow"
    assert answer.headers["empire-deployment"] == str(answer.json()["number"])


def test_what_cannot_be_gone_back_to_is_refused(http: httpx.Client, site: Site, app: str) -> None:
    assert http.post(f"{app}/releases", json={"release": "v1"}).status_code == 409
    assert http.post(f"{app}/releases", json={"release": 77}).status_code == 404
    assert http.post(f"{app}/releases", json={}).status_code == 422
    registry = site.worker._platform.registry
    assert isinstance(registry, FakeRegistry)
    registry.images[AppName("ages")].clear()
    before = len(http.get(f"{app}/deployments").json())
    answer = http.post(f"{app}/releases", json={"release": 2})

    assert (answer.status_code, "v2 is gone" in answer.json()["message"]) == (409, True)
    assert len(http.get(f"{app}/deployments").json()) == before


def test_a_rollback_that_waits_too_long_says_where_to_follow_it(
    http: httpx.Client, site: Site, ada: Actor, app: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apiserver.releases.RELEASE_SECONDS", 0.1)
    gate = site.builder.hold("build")
    gate.clear()
    try:
        site.push("ages", ada, "3")
        answer = http.post(f"{app}/releases", json={"release": "v2"})
    finally:
        gate.set()

    assert answer.status_code == 503
    assert "deploys:output" in answer.json()["message"]


def test_a_release_whose_image_is_not_kept_is_not_eligible(
    http: httpx.Client, site: Site, app: str
) -> None:
    for number in range(site.store.settings.releases_kept):
        http.patch(f"{app}/config-vars", json={"N": str(number)})
    shown = {one["version"]: one for one in http.get(f"{app}/releases").json()}

    assert not _is_eligible(shown[1])
    assert not _is_eligible(shown[2])
    assert _is_eligible(shown[max(shown)])


def test_two_releases_are_compared_without_a_value(http: httpx.Client, app: str) -> None:
    http.patch(f"{app}/config-vars?message=A+new+key", json={"KEY": "hunter2"})
    [change] = http.get(f"{app}/releases/v3/diff/v4").json()

    assert change == {"what": "config KEY", "old": "", "new": "set"}
    assert http.get(f"{app}/releases/4").json()["description"] == "A new key"
    assert http.get(f"{app}/releases/v3/diff/v9").status_code == 404


def _is_eligible(release: dict[str, object]) -> bool:
    return bool(release["eligible_for_rollback"])
