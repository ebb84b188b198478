"""A server that dies at any call leaves nothing that the next one does not carry on."""

import threading
from dataclasses import replace

import docker
import pytest

from deployer.aws.account import Account
from deployer.aws.load_balancer import LoadBalancer
from deployer.aws.scheduler import EcsScheduler
from empire.ledger import Ledger
from empire.manifest import Manifest
from empire.names import AppName, ImageRef
from empire.settings import Settings
from tests.contracts.aws_lab import AwsLab
from tests.contracts.labs import manifest
from tests.fakes import never
from tests.streams import result
from tests.waiting import wait_until

pytestmark = pytest.mark.docker
APP = AppName("sample")


class Died(BaseException):
    """The server was killed."""


class Mortal:
    """A server on the lab's store that dies right before its call of that number, and stays dead."""

    def __init__(self, lab: AwsLab, calls: int) -> None:
        self.left = calls
        account = Account(lab.settings, self._called)
        ledger = Ledger(lab.store)
        self.scheduler = EcsScheduler(account, lab.store, LoadBalancer(account, ledger))
        self._events = self.scheduler.events._thread

    def _called(self, _service: str, _operation: str) -> None:
        if threading.current_thread() is self._events:
            return
        self.left -= 1
        if self.left < 0:
            raise Died

    def dies_starting(self, wanted: Manifest) -> bool:
        """Start it; tell whether the server died over it."""
        try:
            result(self.scheduler.start(wanted, never))
        except Died:
            return True
        finally:
            self.scheduler.close()
        return False


def test_a_first_start_is_carried_on_from_any_call(
    simulated: Settings, engine: docker.APIClient, obedient: ImageRef
) -> None:
    lab = AwsLab(simulated, engine, obedient)
    try:
        for calls in range(1, 20):
            wanted = manifest(lab, calls, web=0, worker=1, COLOUR=str(calls))
            has_died = Mortal(lab, calls).dies_starting(wanted)
            revived = Mortal(lab, 1000)
            result(revived.scheduler.start(wanted, never))
            assert holds(revived, wanted)
            revived.scheduler.stop(APP)
            revived.scheduler.close()
            if not has_died:
                break
        assert not has_died
    finally:
        lab.close()


def test_a_next_start_is_carried_on_or_taken_back_from_any_call(lab: AwsLab) -> None:
    live = manifest(lab, 1, web=0, worker=1)
    begun(lab, live)
    for calls in range(1, 20):
        wanted = manifest(lab, 2 * calls, web=0, worker=1, COLOUR=str(calls))
        has_died = Mortal(lab, calls).dies_starting(wanted)
        revived = Mortal(lab, 1000)
        if calls % 2:
            revived.scheduler.stop(APP, wanted.deployment)
            assert holds(revived, live)
        else:
            result(revived.scheduler.start(wanted, never))
            revived.scheduler.retire(wanted)
            live = wanted
            assert holds(revived, live)
        revived.scheduler.close()
        if not has_died:
            break
    assert not has_died


def test_a_scale_is_carried_on_or_taken_back(lab: AwsLab) -> None:
    live = manifest(lab, 1, web=1)
    begun(lab, live)
    web, worker = manifest(lab, 2, web=2).processes
    larger = replace(manifest(lab, 2), processes=(replace(web, starts=(1, 2)), worker))

    assert Mortal(lab, 1).dies_starting(larger)
    revived = Mortal(lab, 1000)
    revived.scheduler.stop(APP, 2)
    assert holds(revived, live)

    third = replace(larger, deployment=3, processes=(replace(web, starts=(1, 3)), worker))
    assert Mortal(lab, 1).dies_starting(third)
    result(revived.scheduler.start(third, never))
    assert holds(revived, third)
    revived.scheduler.close()


def begun(lab: AwsLab, live: Manifest) -> None:
    """Start what is live by a server that ends then: of two, each would hear half of the events."""
    server = Mortal(lab, 1000)
    result(server.scheduler.start(live, never))
    server.scheduler.close()


def holds(server: Mortal, wanted: Manifest) -> bool:
    """Tell whether, after a while, all dynos of the manifest run and no others."""

    def is_so() -> bool:
        dynos = [dyno for dyno in server.scheduler.dynos(APP) if dyno.state == "up"]
        held = sum(wanted.holds(dyno) for dyno in dynos)
        return held == len(dynos) == len(wanted.places())

    wait_until(is_so)
    return True
