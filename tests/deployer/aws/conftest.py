"""What tests of the AWS adapters share: an account that lives in this process."""

from collections.abc import Iterator

import pytest
from moto import mock_aws

from deployer.aws.account import Account
from empire.settings import Settings


@pytest.fixture
def calls() -> list[str]:
    """The names of the calls that the account got."""
    return []


@pytest.fixture
def account(
    settings: Settings, calls: list[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Account]:
    """An account that only keeps what it is told: no task ever starts in it."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with mock_aws():
        made = Account(settings, lambda _service, operation: calls.append(operation))
        yield made
        made.close()
