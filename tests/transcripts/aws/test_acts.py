"""Requests through acts on AWS: none may fail. The simulated load balancer takes fewer than a real one."""

import time

import pytest

from tests import acts
from tests.cloud import DOMAIN, Cloud
from tests.load import Load, Traffic

pytestmark = [pytest.mark.docker, pytest.mark.slow]

ACTS = ("deploy", "scale up", "restart", "rollback", "scale down")


def test_no_request_fails_through_any_act(aws: Cloud) -> None:
    acts.begin(aws)
    traffic = Traffic(
        "127.0.0.1", aws.http_port, f"{acts.APP}.{DOMAIN}",
        kept=40, fresh=15, slow=2, websockets=1, slow_seconds=2, websocket_seconds=2,
    )  # fmt: skip
    failures = {}
    for name in ACTS:
        with Load(traffic) as load:
            time.sleep(1)  # so that slow requests are in flight
            acts.ACTS[name](aws)
            time.sleep(1)
            report = load.stop()
        failures[name] = report.first_failures
        assert report.sent > 100

    assert failures == {name: [] for name in ACTS}
