"""Kill -9 of the server in the middle of deploys whose apps run on AWS."""

import random
import time

import pytest

from tests.cloud import Cloud
from tests.crash import APP, Watcher, is_settled
from tests.samples import with_dockerfile
from tests.waiting import wait_until

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(600)]

KILLS = 4


def test_a_server_killed_in_deploys_loses_and_leaves_nothing(aws: Cloud) -> None:
    rng = random.Random(2017)
    repository = aws.repository(APP, with_dockerfile("0"))
    aws.push(repository)
    aws.commit(repository, with_dockerfile("warm"), "Warm up")
    began = time.monotonic()
    aws.push(repository)
    took = time.monotonic() - began
    watcher = Watcher(aws)

    with watcher.watching():
        for number in range(1, KILLS + 1):
            aws.commit(repository, with_dockerfile(str(number)), f"Version {number}")
            push = aws.pushing(repository)
            time.sleep(rng.uniform(0, took))
            aws.kill()
            push.wait(60)
            aws.start()
            wait_until(lambda: is_settled(aws), f"everything is settled after kill {number}")
            wait_until(lambda: len(aws.containers(APP)) == 1, f"one runs after kill {number}")
        aws.commit(repository, with_dockerfile("last"), "The next push works")
        aws.push(repository)

    assert watcher.failures == []
    assert watcher.answers > 0
    assert aws.ask(APP) == (200, "version last")
    wait_until(lambda: len(aws.containers(APP)) == 1, "the old task is gone")
    assert aws.services(APP) == [f"{APP}_web"]
    assert aws.quarantines() == []
