"""One running product on a simulated account; each test has apps of its own."""

import re
from collections.abc import Iterator

import pytest

from tests.aws_rights import missing
from tests.cloud import Cloud, cloud

ASKED = re.compile(r'service=([a-z0-9]+) operation=([A-Za-z0-9]+) event="AWS is asked"')


@pytest.fixture(scope="session")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """The product. A start that never gets healthy fails soon."""
    folder = tmp_path_factory.mktemp("cloud")
    quick = {"WORKER_UPTIME_SECONDS": "0.3", "START_SECONDS": "30"}
    with cloud(folder, LOG_LEVEL="debug", **quick) as running:
        yield running
        calls = ASKED.findall(running.log.read_text(errors="replace"))
        assert calls
        assert missing(calls) == set(), "the controller's policies do not allow what was asked"
