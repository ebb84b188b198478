"""What settings may be, and what is said of those that may not."""

from pathlib import Path

import pytest

from empire.errors import InvalidInput
from empire.settings import SETTINGS_FILE, Settings, keep


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


def test_the_file_in_home_is_read_below_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / SETTINGS_FILE).write_text("EMPIRE_SSH_PORT=2022\nEMPIRE_API_PORT=5001\n")
    monkeypatch.setenv("EMPIRE_HOME", str(tmp_path))
    monkeypatch.setenv("EMPIRE_API_PORT", "5002")

    settings = Settings.read()

    assert (settings.ssh_port, settings.api_port) == (2022, 5002)


def test_kept_variables_replace_their_old_values_and_leave_others(tmp_path: Path) -> None:
    keep(tmp_path, {"EMPIRE_BACKEND": "aws", "EMPIRE_AWS_VPC": "vpc-1"})
    keep(tmp_path, {"EMPIRE_AWS_VPC": "", "EMPIRE_AWS_CLUSTER": "prod"})

    path = tmp_path / SETTINGS_FILE
    assert path.read_text() == "EMPIRE_BACKEND=aws\nEMPIRE_AWS_CLUSTER=prod\n"
    assert path.stat().st_mode & 0o777 == 0o600
