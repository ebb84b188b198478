"""What tests of the AWS adapters share: an account that lives in this process."""

from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
from moto import mock_aws

from deployer.aws.account import Account
from empire.names import ImageRef
from empire.settings import Settings
from empire.store import Store
from tests.contracts.aws_lab import AwsLab
from tests.deployer.aws.doors import Doors, Make, settings_of
from tests.fakeaws.simulator import Simulator


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


@pytest.fixture
def make_doors(tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """Makes the load balancers of one server in an account that only keeps what it is told."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with mock_aws():
        yield lambda **more: Doors(settings_of(tmp_path, **more), store)


@pytest.fixture
def doors(make_doors: Make) -> Doors:
    """The load balancers of one server."""
    return make_doors()


@pytest.fixture
def simulated(simulator: Simulator, settings: Settings) -> Settings:
    """The settings of a server in the simulated account."""
    made = simulator.settings()
    account = {name.removeprefix("EMPIRE_").lower(): text for name, text in made.items()}
    return settings.model_copy(update=account)


@pytest.fixture
def lab(simulated: Settings, engine: docker.APIClient, obedient: ImageRef) -> Iterator[AwsLab]:
    """One server in the simulated account, in a cluster of its own."""
    made = AwsLab(simulated, engine, obedient)
    yield made
    made.close()
