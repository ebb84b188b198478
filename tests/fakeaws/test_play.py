"""The account that scripts/aws-sim starts: made by the product's own bootstrap."""

from pathlib import Path

import pytest

from tests.fakeaws.play import bootstrapped
from tests.fakeaws.simulator import Simulator
from tests.fakeaws.stage import Stage, received
from tests.waiting import wait_until

pytestmark = pytest.mark.docker


def test_an_account_is_bootstrapped_and_its_queue_hears_of_deployments(tmp_path: Path) -> None:
    with Simulator(tmp_path) as simulator:
        made = bootstrapped(simulator, "apps.example.com")
        assert made["EMPIRE_BACKEND"] == "aws"
        simulator.adopt(made)
        stage = Stage(simulator, "none", "hello")
        deployment = stage.create(stage.define(), 0)

        heard: list[str] = []

        def is_heard() -> bool:
            found = received(simulator, made["EMPIRE_AWS_EVENT_QUEUE"])
            heard.extend(event["detail"].get("eventName", "") for event in found)
            return "SERVICE_DEPLOYMENT_COMPLETED" in heard

        wait_until(is_heard)
        assert stage.settled(deployment)["rolloutState"] == "COMPLETED"
