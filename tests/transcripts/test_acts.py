"""Two hundred requests a second through every act. Longer in benchmarks/zero_downtime.py."""

from collections.abc import Iterator

import pytest

from tests import acts
from tests.product import Product, product

# One after the other on one app: there is something to go back to, and a second dyno to restart.
pytestmark = [
    pytest.mark.docker,
    pytest.mark.slow,
    pytest.mark.timeout(120),
    pytest.mark.xdist_group("acts"),
]


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    with product(tmp_path_factory.mktemp("busy")) as running:
        acts.begin(running)
        yield running


@pytest.mark.parametrize("name", acts.ACTS)
def test_no_request_fails_through(name: str, busy: Product) -> None:
    report = acts.through(busy, name)

    assert report.first_failures == []
    assert report.sent > 300
