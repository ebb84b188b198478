"""An engine that goes away and comes back, as in an upgrade."""

import gc
import queue
import threading
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from empire.errors import Unavailable
from empire.logs import LogFilter
from empire.names import AppName, ImageRef
from tests.conftest import quick
from tests.contracts.labs import LocalLab, manifest
from tests.fakes import never
from tests.relay import Relay
from tests.streams import result
from tests.waiting import PATIENCE_SECONDS, wait_until

pytestmark = [
    pytest.mark.docker,
    # The engine's client does not close a socket that found nobody to connect to.
    pytest.mark.filterwarnings("ignore:unclosed <socket.socket:ResourceWarning"),
]

APP = AppName("sample")


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[Relay]:
    made = Relay(tmp_path / "engine.sock")
    yield made
    made.cut()


@pytest.fixture
def far(
    tmp_path: Path, relay: Relay, engine: docker.APIClient, obedient: ImageRef
) -> Iterator[LocalLab]:
    """The local adapters, at the end of a wire that can be cut."""
    settings = quick(tmp_path).model_copy(update={"docker_host": relay.address})
    lab = LocalLab(settings, engine, obedient)
    yield lab
    lab.close()
    gc.collect()


def test_a_start_goes_on_when_the_engine_is_back(far: LocalLab, relay: Relay) -> None:
    stream = far.scheduler.start(manifest(far, BEHAVE="slow:1.5"), never)
    next(stream)
    wait_until(lambda: any(dyno.state == "starting" for dyno in far.scheduler.dynos(APP)))
    before = far.scheduler.dynos(APP)
    relay.cut()
    threading.Timer(0.7, relay.mend).start()

    (target,) = result(stream)

    assert far.answers(target)
    assert [dyno.id for dyno in far.scheduler.dynos(APP)] == [dyno.id for dyno in before]


def test_who_watches_is_told_when_the_engine_is_back(far: LocalLab, relay: Relay) -> None:
    told: queue.Queue[AppName] = queue.Queue()
    result(far.scheduler.start(manifest(far), never))
    far.scheduler.watch(told.put)
    relay.cut()
    with pytest.raises(Unavailable):
        far.scheduler.dynos()
    while not told.empty():
        told.get()
    relay.mend()

    assert told.get(timeout=PATIENCE_SECONDS) == APP


def test_logs_go_on_when_the_engine_is_back(far: LocalLab, relay: Relay) -> None:
    def texts() -> list[str]:
        return [line.text for line in far.logs.recent(APP, 100, LogFilter(source="app"))[0]]

    result(far.scheduler.start(manifest(far), never))
    (dyno,) = far.scheduler.dynos(APP)
    wait_until(lambda: texts() == ["obedient app starts"])
    relay.cut()
    far.say(dyno, "while nobody listened")
    relay.mend()

    wait_until(lambda: texts() == ["obedient app starts", "while nobody listened"])
