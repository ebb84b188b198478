"""What app.json says."""

import json

import pytest

from buildpacks.app_json import health_path, unset
from empire.errors import InvalidInput


def test_the_first_health_check_with_a_path_counts() -> None:
    checks = {"web": [{"type": "startup"}, {"path": "/up"}, {"path": "/other"}]}
    assert health_path(json.dumps({"healthchecks": checks}).encode()) == "/up"
    assert health_path(b"{}") is None


@pytest.mark.parametrize(
    "content", [b"{", b"[]", b'{"healthchecks": 1}', b'{"healthchecks": {"web": [{"path": "up"}]}}']
)
def test_what_cannot_be_read_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidInput, match=r"app\.json cannot be read"):
        health_path(content)


def test_config_vars_that_are_required_and_not_set_are_found() -> None:
    env = {
        "A": {"description": "needed"},
        "B": "a default",
        "C": {"required": False},
        "D": {"generator": "secret"},
        "E": {},
        "F": "",
    }
    assert unset(json.dumps({"env": env}).encode(), {"E"}) == ["A", "F"]
    assert unset(b"{}", {}) == []
    with pytest.raises(InvalidInput, match=r"app\.json cannot be read"):
        unset(b'{"env": ["A"]}', {})
