"""Who watches is told, also after the engine's stream broke."""

import queue
from collections.abc import Iterator

import httpx
import pytest

from deployer.local.engine import Engine, close_stream
from deployer.local.watch import Watch
from empire.names import AppName
from empire.settings import Settings
from tests.contracts.labs import LocalLab, kept, manifest
from tests.fakes import never
from tests.streams import result
from tests.waiting import PATIENCE_SECONDS, wait_until

pytestmark = pytest.mark.docker

APP = AppName("sample")


@pytest.fixture
def watch(local: LocalLab) -> Iterator[Watch]:
    """A watch over the server's containers."""
    engine = Engine(local.settings)
    made = Watch(engine, local.settings.instance)
    yield made
    made.close()
    engine.close()


def test_changes_are_told(local: LocalLab) -> None:
    told: queue.Queue[AppName] = queue.Queue()
    local.scheduler.watch(told.put)

    (target,) = kept(local, manifest(local))

    with pytest.raises(httpx.RemoteProtocolError):
        httpx.get(f"http://{target}/exit?code=1")
    assert told.get(timeout=PATIENCE_SECONDS) == APP
    assert told.get(timeout=PATIENCE_SECONDS) == APP


def test_what_the_server_does_itself_is_not_told(local: LocalLab, watch: Watch) -> None:
    told: queue.Queue[AppName] = queue.Queue()
    seen: queue.Queue[AppName] = queue.Queue()
    local.scheduler.watch(told.put)
    watch.on_change(seen.put)

    result(local.scheduler.start(manifest(local), never))
    local.scheduler.stop(APP)

    for _ in ("start", "die", "destroy"):
        seen.get(timeout=PATIENCE_SECONDS)
    assert told.empty()


def test_other_servers_containers_are_not_told(
    local: LocalLab, tmp_path_factory: pytest.TempPathFactory
) -> None:
    told: queue.Queue[AppName] = queue.Queue()
    settings = Settings(home=tmp_path_factory.mktemp("other"))
    engine = Engine(settings)
    other = Watch(engine, settings.instance)
    other.on_change(told.put)

    result(local.scheduler.start(manifest(local), never))
    local.scheduler.stop(APP)

    assert told.empty()
    other.close()
    engine.close()


def test_after_a_break_everybody_looks_again(local: LocalLab, watch: Watch) -> None:
    told: queue.Queue[AppName] = queue.Queue()
    result(local.scheduler.start(manifest(local), never))
    watch.on_change(told.put)
    wait_until(lambda: watch._stream is not None)

    with watch.ending("some container") as ended:
        close_stream(watch._stream)
        assert ended.wait(PATIENCE_SECONDS)

    assert told.get(timeout=PATIENCE_SECONDS) == APP
    result(local.scheduler.start(manifest(local, 2), never))
    assert told.get(timeout=PATIENCE_SECONDS) == APP


def test_it_waits_for_an_engine_that_is_away(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deployer.local.watch.CONNECT_SECONDS", 0.1)
    engine = Engine(settings.model_copy(update={"docker_host": "unix:///nowhere.sock"}))
    watch = Watch(engine, "0")
    with watch.ending("some container") as ended:
        assert not ended.is_set()
    watch.close()
