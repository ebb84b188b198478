"""What settings may be, and what is said of those that may not."""

import pytest

from empire.errors import InvalidInput
from empire.settings import Settings


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
