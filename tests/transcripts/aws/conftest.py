"""One running product on a simulated account; each test has apps of its own."""

from collections.abc import Iterator

import pytest

from tests.cloud import Cloud, cloud


@pytest.fixture(scope="session")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """The product. A start that never gets healthy fails soon."""
    folder = tmp_path_factory.mktemp("cloud")
    with cloud(folder, WORKER_UPTIME_SECONDS="0.3", START_SECONDS="30") as running:
        yield running
