"""Sources that come as archives: uploaded, built, and all that may be wrong with them."""

import gzip
import hashlib
import io
import os
import tarfile
import time
from collections.abc import Iterator

import httpx
import pytest

from empire import deployments
from empire.actors import Actor
from empire.source_archives import KEPT_SECONDS
from tests.apiserver.forms import BUILD, form_of
from tests.site import Site


@pytest.fixture
def app(http: httpx.Client) -> Iterator[str]:
    http.post("/apps", json={"name": "archived"})
    yield "/apps/archived"
    http.delete("/apps/archived")


def archive(text: str = "print(1)\n") -> bytes:
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as tar:
        head = tarfile.TarInfo("app.py")
        head.size = len(text)
        tar.addfile(head, io.BytesIO(text.encode()))
    return gzip.compress(plain.getvalue())


def uploaded(http: httpx.Client, content: bytes) -> str:
    place = http.post("/sources").json()["source_blob"]
    answer = httpx.put(place["put_url"], content=content, trust_env=False)
    assert answer.status_code == 200, answer.text
    return str(place["get_url"])


def checksum(content: bytes) -> str:
    return f"SHA256:{hashlib.sha256(content).hexdigest()}"


def ended(site: Site, build: str) -> None:
    assert list(deployments.follow(site.store, build, quiet_seconds=0.2))


def test_an_uploaded_archive_goes_live(
    http: httpx.Client, site: Site, ada: Actor, app: str
) -> None:
    content = archive()
    url = uploaded(http, content)
    blob = {
        "url": url,
        "checksum": checksum(content),
        "version": "v1.2",
        "version_description": "From  CI",
    }
    assert httpx.get(url, trust_env=False).content == content

    answer = http.post(f"{app}/builds", json={"source_blob": blob})

    assert answer.status_code == 201
    build = answer.json()
    assert (build["status"], build["release"]) == ("pending", None)
    ended(site, build["id"])
    build = http.get(f"{app}/builds/{build['id']}").json()
    assert form_of(build) == BUILD | {
        "source_blob": dict.fromkeys(BUILD["source_blob"], "str"),
    }
    assert build["status"] == "succeeded"
    assert build["source_blob"] == blob | {"url": url.partition("?")[0]}
    release = http.get(f"/apps/archived/releases/{build['release']['id']}").json()
    assert release["description"] == "Deploy v1.2: From CI"
    (deployment,) = http.get(f"{app}/deployments").json()
    assert (deployment["kind"], deployment["commit"]) == ("source", "")
    assert "archived" not in site.sources.landed


def test_the_result_tells_the_output_and_how_it_ended(
    http: httpx.Client, site: Site, app: str
) -> None:
    gate = site.builder.hold("build")
    gate.clear()
    build = http.post(
        f"{app}/builds", json={"source_blob": {"url": uploaded(http, archive())}}
    ).json()["id"]
    assert http.get(f"{app}/builds/{build}/result").json()["exit_code"] is None
    gate.set()
    ended(site, build)

    result = http.get(f"{app}/builds/{build}/result").json()

    assert (result["exit_code"], result["build"]["status"]) == (0, "succeeded")
    lines = [line["line"] for line in result["lines"]]
    assert "-----> Unpacking an archive\n" in lines
    assert {line["stream"] for line in result["lines"]} == {"STDOUT"}


def test_a_wrong_checksum_ends_the_build(http: httpx.Client, site: Site, app: str) -> None:
    blob = {"url": uploaded(http, archive()), "checksum": checksum(b"other")}
    build = http.post(f"{app}/builds", json={"source_blob": blob}).json()["id"]
    ended(site, build)

    result = http.get(f"{app}/builds/{build}/result").json()

    assert (result["exit_code"], result["build"]["status"]) == (1, "failed")
    last = [line["line"] for line in result["lines"] if line["stream"] == "STDERR"]
    assert last[0] == " !     The source is not what was announced.\n"


@pytest.mark.parametrize(
    ("blob", "words"),
    [
        ({"url": "http://example.com/a.tar.gz"}, "no address to fetch a source from"),
        ({"url": "file:///etc/passwd"}, "no address"),
        ({"url": "https://[x"}, "no address"),
        ({"url": "https://example.com:x/"}, "no address"),
        ({"url": "https://example.com/a.tar.gz", "checksum": "MD5:1"}, "is not a checksum"),
        ({}, "wrong form"),
    ],
)
def test_what_cannot_be_right_is_refused_at_once(
    http: httpx.Client, app: str, blob: dict[str, str], words: str
) -> None:
    answer = http.post(f"{app}/builds", json={"source_blob": blob})

    assert answer.status_code == 422
    assert words in answer.json()["message"]


def test_buildpacks_cannot_be_told(http: httpx.Client, app: str) -> None:
    wish = {"source_blob": {"url": "https://example.com/"}, "buildpacks": [{"name": "x"}]}
    answer = http.post(f"{app}/builds", json=wish)

    assert answer.status_code == 422
    assert "cannot be told its buildpacks" in answer.json()["message"]


def test_nothing_uploaded_is_said(http: httpx.Client, app: str) -> None:
    place = http.post(f"{app}/sources").json()["source_blob"]

    answer = http.post(f"{app}/builds", json={"source_blob": {"url": place["get_url"]}})

    assert "Nothing was uploaded" in answer.json()["message"]
    assert httpx.get(place["get_url"], trust_env=False).status_code == 404


def test_an_address_serves_its_own_act_and_no_other(http: httpx.Client) -> None:
    place = http.post("/sources").json()["source_blob"]

    for url in (place["get_url"], place["put_url"][:-1], place["put_url"].partition("?")[0]):
        assert httpx.put(url, content=b"x", trust_env=False).status_code == 404
    assert httpx.put(place["put_url"], content=b"", trust_env=False).status_code == 422


def test_an_address_runs_out(
    http: httpx.Client, monkeypatch: pytest.MonkeyPatch, site: Site
) -> None:
    now = time.time()
    with monkeypatch.context() as patch:
        patch.setattr("time.time", lambda: now - 2 * 3600)
        put_url = http.post("/sources").json()["source_blob"]["put_url"]

    answer = httpx.put(put_url, content=b"x", trust_env=False)

    assert answer.status_code == 409
    assert "time of this address is over" in answer.json()["message"]


def test_old_archives_are_cleared_away(http: httpx.Client, site: Site) -> None:
    url = uploaded(http, archive())
    (file,) = site.store.settings.home.glob(f"sources/{url.partition('?')[0][-32:]}*")
    os.utime(file, (0, time.time() - KEPT_SECONDS - 10))

    http.post("/sources")

    assert not file.exists()


def test_an_archive_that_is_gone_when_its_turn_comes_fails(
    http: httpx.Client, site: Site, app: str
) -> None:
    gate = site.sources.hold("unpack")
    gate.clear()
    url = uploaded(http, archive())
    first, second = (
        http.post(f"{app}/builds", json={"source_blob": {"url": url}}).json()["id"]
        for _ in range(2)
    )
    for file in site.store.settings.home.glob("sources/*.tar.gz"):
        file.unlink()
    gate.set()
    ended(site, second)

    assert first != second
    result = http.get(f"{app}/builds/{second}/result").json()
    assert "not there any more" in "".join(line["line"] for line in result["lines"])


def test_a_newer_archive_takes_the_place_of_one_that_waits(
    http: httpx.Client, site: Site, ada: Actor, app: str
) -> None:
    gate = site.builder.hold("build")
    gate.clear()
    site.push("archived", ada)
    url = uploaded(http, archive())
    builds = [
        http.post(f"{app}/builds", json={"source_blob": {"url": url, "version": version}}).json()
        for version in ("v1", "v2")
    ]
    gate.set()
    ended(site, builds[1]["id"])

    steps = {one["description"]: one["step"] for one in http.get(f"{app}/deployments").json()}

    assert steps["v1"] == "superseded"
    assert steps["v2"] == "live"


def test_who_may_not_deploy_is_told_of_no_app(site: Site, app: str) -> None:
    _, token = site.person("eve@example.com")
    with site.client(token) as eve:
        wish = {"source_blob": {"url": "https://example.com/a.tar.gz"}}
        assert eve.post(f"{app}/builds", json=wish).status_code == 404
        assert eve.post(f"{app}/sources").status_code == 404
