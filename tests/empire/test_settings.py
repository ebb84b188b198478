"""What settings may be, and what is said of those that may not."""

from pathlib import Path

import pytest

from empire.errors import InvalidInput
from empire.settings import HOME_MAX_LENGTH, Settings


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMPIRE_SSH_PORT", "2022")

    assert Settings.read().ssh_port == 2022


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("EMPIRE_BUILD_CONCURRENCY", "0"),
        ("EMPIRE_SSH_PORT", "70000"),
        ("EMPIRE_LEASE_SECONDS", "-1"),
        ("EMPIRE_BUILDER", "magic"),
    ],
)
def test_a_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(InvalidInput) as caught:
        Settings.read()

    assert name in caught.value.why
    assert caught.value.fix


def test_a_home_that_sockets_cannot_live_in_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="too long"):
        Settings(home=tmp_path / ("x" * HOME_MAX_LENGTH)).prepare_home()
