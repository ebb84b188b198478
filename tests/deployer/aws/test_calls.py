"""AWS is asked no more than what was promised."""

from pathlib import Path

import docker
import pytest

from empire.names import ImageRef
from tests.aws_calls import measured
from tests.fakeaws.simulator import Simulator


@pytest.mark.docker
@pytest.mark.slow
def test_each_act_asks_no_more_than_it_may(
    simulator: Simulator, engine: docker.APIClient, obedient: ImageRef, tmp_path: Path
) -> None:
    counts = measured(simulator, engine, obedient, tmp_path)

    # How fast the control plane is depends on who else uses the machine: the benchmark judges it.
    assert [count for count in counts if count.is_over and count.calls] == []
