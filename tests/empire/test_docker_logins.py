"""What is found in Docker configs, and helper programs well and unwell."""

import base64
import json
import os
from pathlib import Path
from typing import Any

import pytest

from empire import docker_logins
from empire.docker_logins import login_of
from empire.errors import Unavailable

HERE = "registry.example.com"


def config(folder: Path, **content: Any) -> Path:
    (folder / "config.json").write_text(json.dumps(content))
    return folder


def coded(text: str) -> dict[str, str]:
    return {"auth": base64.b64encode(text.encode()).decode()}


@pytest.fixture
def helper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on the PATH; a test writes docker-credential-sample into it."""
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return tmp_path / "docker-credential-sample"


def program(file: Path, text: str) -> None:
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)


@pytest.mark.parametrize(
    ("auths", "login"),
    [
        ({HERE: coded("ann:a:b")}, {"username": "ann", "password": "a:b"}),
        ({f"https://{HERE}/v1/": coded("ann:x")}, {"username": "ann", "password": "x"}),
        ({HERE: {"username": "ann", "password": "x"}}, {"username": "ann", "password": "x"}),
        ({HERE: {"identitytoken": "t"}}, {"identitytoken": "t"}),
        ({HERE: {"auth": "\u00e9"}}, {}),
        ({HERE: {}}, {}),
        ({"other.example.com": coded("ann:x")}, {}),
    ],
)
def test_logins_stand_in_auths(
    tmp_path: Path, auths: dict[str, dict[str, str]], login: dict[str, str]
) -> None:
    assert login_of(config(tmp_path, auths=auths), HERE) == login


def test_without_a_config_there_is_no_login(tmp_path: Path) -> None:
    assert login_of(tmp_path, HERE) == {}
    (tmp_path / "config.json").write_text("[]")
    assert login_of(tmp_path, HERE) == {}


def test_a_broken_config_is_said(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{")

    with pytest.raises(Unavailable, match="cannot be read"):
        login_of(tmp_path, HERE)


def test_the_public_registry_goes_by_its_old_name(tmp_path: Path) -> None:
    auths = {"https://index.docker.io/v1/": coded("ann:x")}

    assert login_of(config(tmp_path, auths=auths), "")["username"] == "ann"


@pytest.mark.parametrize("kind", ["helpers", "store"])
def test_a_helper_is_asked_on_its_input(tmp_path: Path, helper: Path, kind: str) -> None:
    program(helper, 'read -r place; echo "{\\"Username\\": \\"$1\\", \\"Secret\\": \\"$place\\"}"')
    wanted = {"credHelpers": {HERE: "sample"}} if kind == "helpers" else {"credsStore": "sample"}

    assert login_of(config(tmp_path, **wanted), HERE) == {"username": "get", "password": HERE}


def test_a_helper_may_give_a_token(tmp_path: Path, helper: Path) -> None:
    program(helper, """echo '{"Username": "<token>", "Secret": "t"}'""")

    assert login_of(config(tmp_path, credsStore="sample"), HERE) == {"identitytoken": "t"}


def test_what_a_helper_does_not_know_may_stand_in_auths(tmp_path: Path, helper: Path) -> None:
    program(helper, "echo credentials not found in native keychain; exit 1")
    folder = config(tmp_path, credsStore="sample", auths={HERE: coded("ann:x")})

    assert login_of(folder, HERE)["username"] == "ann"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("echo locked; exit 2", "code 2: locked"),
        ("echo nonsense", "not as Docker's helpers speak"),
        ("echo '[]'", "not as Docker's helpers speak"),
        ("exec sleep 30", "says nothing for"),
    ],
)
def test_a_helper_that_does_not_work_is_named(
    tmp_path: Path, helper: Path, monkeypatch: pytest.MonkeyPatch, text: str, why: str
) -> None:
    monkeypatch.setattr(docker_logins, "HELPER_SECONDS", 0.5)
    program(helper, text)

    with pytest.raises(Unavailable, match="docker-credential-sample") as raised:
        login_of(config(tmp_path, credsStore="sample"), HERE)
    assert why in raised.value.why


@pytest.mark.parametrize("name", ["absent", "../../bin/sh"])
def test_a_helper_that_is_not_there_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(Unavailable) as raised:
        login_of(config(tmp_path, credsStore=name), HERE)
    assert "not on the server's PATH" in raised.value.why
