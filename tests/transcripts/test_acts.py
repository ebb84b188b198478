"""Two hundred requests a second through every act. Longer in benchmarks/zero_downtime.py."""

from pathlib import Path

import pytest

from tests import acts
from tests.product import product

pytestmark = [pytest.mark.docker, pytest.mark.slow]


def test_no_request_fails_through_any_act(tmp_path: Path) -> None:
    with product(tmp_path) as running:
        acts.begin(running)
        # In their order: there must be something to go back to, and a second dyno to restart.
        reports = {name: acts.through(running, name) for name in acts.ACTS}

    assert {name: report.first_failures for name, report in reports.items()} == {
        name: [] for name in acts.ACTS
    }
    assert all(report.sent > 300 for report in reports.values())
