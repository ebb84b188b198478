"""Kill -9 in the middle of deploys. The full count is in benchmarks/kills.py."""

from pathlib import Path

import pytest

from tests.crash import crash_deploys
from tests.product import product

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(600)]


def test_a_server_killed_in_deploys_loses_and_leaves_nothing(tmp_path: Path) -> None:
    with product(tmp_path) as running:
        watcher = crash_deploys(running, count=6, seed=2015)

    assert watcher.failures == []
    assert watcher.answers > 0
