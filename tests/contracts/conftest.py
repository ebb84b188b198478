"""Every contract suite runs once per lab."""

from collections.abc import Iterator

import pytest

from empire.settings import Settings
from tests.contracts.labs import FakeLab, Lab, LocalLab


@pytest.fixture(params=["fake", pytest.param("local", marks=pytest.mark.docker)])
def lab(request: pytest.FixtureRequest, settings: Settings) -> Iterator[Lab]:
    """The adapters under test, alone on their platform."""
    made = _lab(request, settings)
    yield made
    made.close()


def _lab(request: pytest.FixtureRequest, settings: Settings) -> Lab:
    if request.param == "fake":
        return FakeLab()
    engine, image = request.getfixturevalue("engine"), request.getfixturevalue("obedient")
    return LocalLab(settings, engine, image)
