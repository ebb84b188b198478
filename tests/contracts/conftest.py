"""Every contract suite runs once per lab."""

from collections.abc import Iterator

import pytest

from empire.settings import Settings
from tests.contracts.aws_lab import AwsLab
from tests.contracts.labs import FakeLab, Lab, LocalLab
from tests.contracts.remote_lab import RemoteLab

LABS = ["fake", *(pytest.param(name, marks=pytest.mark.docker) for name in ("local", "aws"))]


@pytest.fixture(params=LABS)
def lab(request: pytest.FixtureRequest, settings: Settings) -> Iterator[Lab]:
    """The adapters under test, alone on their platform."""
    made = lab_of(request, settings)
    yield made
    made.close()


def lab_of(request: pytest.FixtureRequest, settings: Settings) -> Lab:
    """Return the lab that the fixture's parameter names."""
    if request.param == "fake":
        return FakeLab()
    engine, image = request.getfixturevalue("engine"), request.getfixturevalue("obedient")
    # A busy machine takes its time even to start a worker that is to fall at once.
    settings = settings.model_copy(update={"worker_uptime_seconds": 3})
    if request.param == "local":
        return LocalLab(settings, engine, image)
    if request.param == "remote":
        return RemoteLab(settings, engine, image)
    simulated = request.getfixturevalue("simulator").settings()
    account = {name.removeprefix("EMPIRE_").lower(): text for name, text in simulated.items()}
    return AwsLab(settings.model_copy(update=account), engine, image)
