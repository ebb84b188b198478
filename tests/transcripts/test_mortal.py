"""Kill -9 of the server in the middle of each act that changes an app."""

from collections.abc import Iterator

import pytest

from tests.mortal import ACTS, APP, crash_in, deploy
from tests.product import Product, product

pytestmark = [pytest.mark.docker, pytest.mark.slow]

KILLS = 2


@pytest.fixture(scope="module")
def mortal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    folder = tmp_path_factory.mktemp("mortal")
    with product(folder, WORKER_UPTIME_SECONDS="0.1", STOP_GRACE_SECONDS="1") as running:
        deploy(running)
        running.empire("config:set", "B=1", "-a", APP)
        yield running


@pytest.mark.parametrize("name", ACTS)
def test_a_server_killed_in_an_act_leaves_the_old_state_or_the_new_one(
    name: str, mortal: Product
) -> None:
    crash_in(mortal, name, KILLS, seed=2016)
