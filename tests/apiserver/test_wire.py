import base64
import json
import socket

import httpx
import pytest
from starlette.requests import Request

from apiserver import errors
from empire.access import Actor
from empire.errors import Conflict
from tests.site import Site


def test_the_version_must_be_asked_for(site: Site, owner: tuple[Actor, str]) -> None:
    for accept in ("*/*", "application/json", "application/vnd.heroku+json; version=4"):
        with site.client(owner[1], Accept=accept) as client:
            answer = client.get("/account")
        assert (answer.status_code, answer.json()["id"]) == (406, "not_acceptable")


@pytest.mark.parametrize("variant", ["3", "3.sdk", "3.review-apps"])
def test_herokus_variants_of_version_3_are_served(
    site: Site, owner: tuple[Actor, str], variant: str
) -> None:
    with site.client(owner[1], Accept=f"application/vnd.heroku+json; version={variant}") as client:
        answer = client.get("/account")

    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")


@pytest.mark.parametrize("user", ["", "x", "ada@example.com"])
def test_the_token_may_come_as_a_password(site: Site, owner: tuple[Actor, str], user: str) -> None:
    with site.client() as client:
        assert client.get("/account", auth=(user, owner[1])).status_code == 200


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Bearer",
        "Bearer wrong",
        "Digest x",
        "Basic ///",
        "Basic " + base64.b64encode(b"\xff").decode(),
        "Basic " + base64.b64encode(b"user").decode(),
    ],
)
def test_a_stranger_is_refused(site: Site, authorization: str) -> None:
    with site.client(Authorization=authorization) as client:
        answer = client.get("/account")

    assert (answer.status_code, answer.json()["id"]) == (401, "unauthorized")
    assert "empire login" in answer.json()["message"]


def test_each_answer_has_a_fresh_request_id(http: httpx.Client) -> None:
    sent = ",".join(["01234567-89ab-cdef-0123-456789abcdef"] * 190)
    ids = {
        http.get(path, headers={"Request-Id": sent}).headers["request-id"]
        for path in ("/account", "/account", "/nowhere")
    }

    assert len(ids) == 3
    assert sent not in ids


def test_a_known_etag_is_answered_with_304_and_nothing_else(http: httpx.Client) -> None:
    first = http.get("/account")
    again = http.get("/account", headers={"If-None-Match": f'"x", W/{first.headers["etag"]}'})
    other = http.get("/account", headers={"If-None-Match": '"x"'})

    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert (other.status_code, other.json()) == (200, first.json())


def test_a_change_is_never_answered_with_304(http: httpx.Client) -> None:
    answer = http.post("/apps", json={"name": "etagged"}, headers={"If-None-Match": "*"})

    assert answer.status_code == 201


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"{", 400, "bad_request"),
        (b"\xff", 400, "bad_request"),
        (b"[" * 100_000, 400, "bad_request"),
        (b"[]", 422, "invalid_params"),
        (b'{"name": 1}', 422, "invalid_params"),
        (b'{"name": "\\ud800"}', 422, "invalid_params"),
        (b'{"name": "' + b"x" * 1_100_000 + b'"}', 413, "too_large"),
    ],
)
def test_a_bad_body_is_refused(http: httpx.Client, content: bytes, status: int, code: str) -> None:
    answer = http.post("/apps", content=content, headers={"Content-Type": "application/json"})

    assert (answer.status_code, answer.json()["id"]) == (status, code)


def test_a_wrong_field_is_named(http: httpx.Client) -> None:
    answer = http.post("/apps", json={"name": ["hello"]})

    assert answer.json()["message"].splitlines()[1] == "name: Input should be a valid string"


def test_what_is_not_there_is_404_and_what_cannot_be_done_405(http: httpx.Client) -> None:
    absent, wrong = http.get("/nowhere"), http.put("/account")

    assert (absent.status_code, absent.json()["id"]) == (404, "not_found")
    assert (wrong.status_code, wrong.json()["id"]) == (405, "method_not_allowed")


def test_a_fault_gets_a_reference_number_and_the_server_lives_on(
    http: httpx.Client, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    http.post("/apps", json={"name": "faulty"})
    monkeypatch.setattr(site.scheduler, "dynos", None)

    answer = http.get("/apps/faulty/dynos")

    assert (answer.status_code, answer.json()["id"]) == (500, "internal_server_error")
    assert "reference" in answer.json()["message"]
    assert http.get("/account").status_code == 200


def test_a_client_that_leaves_in_its_body_harms_nobody(site: Site, http: httpx.Client) -> None:
    with socket.create_connection(("127.0.0.1", site.api.port)) as raw:
        raw.sendall(b"POST /apps HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n{")

    assert http.get("/account").status_code == 200


def test_an_error_may_name_a_page() -> None:
    answer = errors.of_empire(Request({"type": "http"}), Conflict("No.", docs="docs/api.md"))

    assert json.loads(bytes(answer.body)) == {
        "id": "conflict",
        "message": "No.\ndocs/api.md",
        "url": "docs/api.md",
    }
