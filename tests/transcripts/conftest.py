"""One running product for all transcripts of a test process; each test has apps of its own."""

from collections.abc import Iterator

import pytest

from tests.product import Product, product


@pytest.fixture(scope="session")
def empire(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    with product(tmp_path_factory.mktemp("product")) as running:
        yield running
