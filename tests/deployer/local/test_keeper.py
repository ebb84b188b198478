import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from deployer.local import caddy, keeper
from deployer.local.keeper import Keeper, shutdown
from deployer.local.router import CaddyRouter
from deployer.local.state import State, is_locked
from empire.errors import Unavailable
from empire.manifest import Target
from empire.settings import Settings
from tests.backend import Backend, ask
from tests.deployer.local.conftest import HELLO, HOST, free_port
from tests.load import ROOT, Load, Traffic


def pid_of(settings: Settings, what: str) -> int:
    """Return the process number of `router` or `caddy`."""
    folder = settings.home / "router"
    number = State.read(folder).caddy
    lock = folder / ("router.lock" if what == "router" else f"caddy-{number}.lock")
    return int(lock.read_text())


def wait_for(condition: Callable[[], bool], seconds: float = 10) -> None:
    """Return when the condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "not within the time"
        threading.Event().wait(0.01)


def answers(settings: Settings) -> bool:
    with contextlib.suppress(OSError):
        return ask(settings.http_port, HOST, timeout_seconds=2)[0] == 200
    return False


def test_a_running_router_is_adopted(router: CaddyRouter, settings: Settings) -> None:
    before = pid_of(settings, "router"), pid_of(settings, "caddy")
    CaddyRouter(settings).ensure_running()
    assert (pid_of(settings, "router"), pid_of(settings, "caddy")) == before


def test_a_killed_caddy_comes_back_on_the_same_socket(
    router: CaddyRouter, settings: Settings
) -> None:
    with Backend("v1") as v1:
        router.switch(HELLO, (HOST,), (v1.target,))
        killed = pid_of(settings, "caddy")
        os.kill(killed, signal.SIGKILL)
        assert ask(settings.http_port, HOST) == (200, "v1")
        assert pid_of(settings, "caddy") != killed


def test_a_killed_router_costs_no_request(router: CaddyRouter, settings: Settings) -> None:
    with Backend("v1") as v1, Backend("v2") as v2:
        router.switch(HELLO, (HOST,), (v1.target,))
        caddy_pid = pid_of(settings, "caddy")
        assert ask(settings.http_port, HOST) == (200, "v1")
        load = Load(Traffic("127.0.0.1", settings.http_port, HOST, slow=0, websockets=0))
        os.kill(pid_of(settings, "router"), signal.SIGKILL)
        wait_for(lambda: not is_locked(settings.home / "router/router.lock"))
        assert ask(settings.http_port, HOST) == (200, "v1")
        router.switch(HELLO, (HOST,), (v2.target,))
        assert ask(settings.http_port, HOST) == (200, "v2")
        report = load.stop()
    assert report.failed == 0, report
    assert pid_of(settings, "caddy") == caddy_pid


def test_after_both_were_killed_the_routes_are_back(
    router: CaddyRouter, settings: Settings
) -> None:
    with Backend("v1") as v1:
        router.switch(HELLO, (HOST,), (v1.target,))
        os.kill(pid_of(settings, "router"), signal.SIGKILL)
        os.kill(pid_of(settings, "caddy"), signal.SIGKILL)
        wait_for(lambda: not answers(settings))
        CaddyRouter(settings).ensure_running()
        assert ask(settings.http_port, HOST) == (200, "v1")


def test_an_adopted_caddy_is_watched_too(router: CaddyRouter, settings: Settings) -> None:
    with Backend("v1") as v1:
        router.switch(HELLO, (HOST,), (v1.target,))
        os.kill(pid_of(settings, "router"), signal.SIGKILL)
        wait_for(lambda: not is_locked(settings.home / "router/router.lock"))
        router.ensure_running()
        os.kill(pid_of(settings, "caddy"), signal.SIGKILL)
        wait_for(lambda: answers(settings))


def test_a_silent_router_is_replaced(
    router: CaddyRouter, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper, "SILENT_SECONDS", 0.5)
    stopped = pid_of(settings, "router")
    os.kill(stopped, signal.SIGSTOP)
    router.ensure_running()
    assert pid_of(settings, "router") != stopped


def test_the_watch_brings_a_killed_router_back(
    router: CaddyRouter, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper, "WATCH_SECONDS", 0.05)
    stopping = threading.Event()
    watching = threading.Thread(target=router.watch, args=(stopping,))
    watching.start()
    killed = pid_of(settings, "router")
    os.kill(killed, signal.SIGKILL)
    wait_for(lambda: pid_of(settings, "router") != killed)
    stopping.set()
    watching.join(10)


def test_the_watch_outlives_what_it_cannot_mend(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper, "WATCH_SECONDS", 0.01)
    monkeypatch.setattr(caddy, "binary", lambda: None)
    broken = Keeper(settings)
    stopping = threading.Event()
    watching = threading.Thread(target=broken.watch, args=(stopping,))
    watching.start()
    with pytest.raises(Unavailable, match="no caddy"):
        broken.ensure_running()
    monkeypatch.undo()
    wait_for(lambda: Keeper(settings)._status() is not None)
    stopping.set()
    watching.join(10)


def test_apps_serve_while_the_server_is_dead(settings: Settings) -> None:
    with Backend("v1") as v1:
        script = (
            "import sys; from empire.settings import Settings; "
            "from deployer.local.router import CaddyRouter; "
            "from tests.deployer.local.conftest import HELLO, HOST; "
            "from empire.manifest import Target; "
            "router = CaddyRouter(Settings.model_validate_json(sys.argv[1])); "
            "router.ensure_running(); "
            "router.switch(HELLO, (HOST,), (Target('127.0.0.1', int(sys.argv[2])),)); "
            "print('switched', flush=True); sys.stdin.read()"
        )
        server = subprocess.Popen(
            [sys.executable, "-c", script, settings.model_dump_json(), str(v1.target.port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)},
        )
        with server:
            assert server.stdout
            wait_for(lambda: server.stdout is not None and b"switched" in server.stdout.readline())
            server.kill()
        assert ask(settings.http_port, HOST) == (200, "v1")


def test_new_code_takes_over_without_losing_a_request(
    router: CaddyRouter, settings: Settings
) -> None:
    with Backend("v1") as v1:
        router.switch(HELLO, (HOST,), (v1.target,))
        old, caddy_pid = pid_of(settings, "router"), pid_of(settings, "caddy")
        load = Load(Traffic("127.0.0.1", settings.http_port, HOST, slow=0, websockets=0))
        newer = CaddyRouter(settings)
        newer._keeper.options = replace(newer._keeper.options, stamp="newer")
        newer.ensure_running()
        wait_for(lambda: pid_of(settings, "router") != old)
        report = load.stop()
    assert report.failed == 0, report
    assert pid_of(settings, "caddy") == caddy_pid


def test_a_new_configuration_takes_over_without_losing_a_request(
    router: CaddyRouter, settings: Settings
) -> None:
    with Backend("v1") as v1:
        router.switch(HELLO, (HOST,), (v1.target,))
        old = pid_of(settings, "caddy")
        load = Load(Traffic("127.0.0.1", settings.http_port, HOST, slow_seconds=1, websockets=0))
        wait_for(lambda: router._keeper.in_flight({upstream(v1.target)}) > 0)
        changed = settings.model_copy(update={"api_port": free_port()})
        CaddyRouter(changed).ensure_running()
        assert ask(settings.http_port, HOST) == (200, "v1")
        report = load.stop()
    assert report.failed == 0, report
    assert pid_of(settings, "caddy") != old


def test_other_ports_are_taken_over(router: CaddyRouter, settings: Settings) -> None:
    with Backend("v1") as v1:
        router.switch(HELLO, (HOST,), (v1.target,))
        changed = settings.model_copy(update={"http_port": free_port()})
        CaddyRouter(changed).ensure_running()
        assert ask(changed.http_port, HOST) == (200, "v1")


def test_a_taken_port_is_told_and_the_running_router_stays(
    router: CaddyRouter, settings: Settings
) -> None:
    with Backend("v1") as v1, socket.create_server(("127.0.0.1", 0)) as other:
        router.switch(HELLO, (HOST,), (v1.target,))
        taken = other.getsockname()[1]
        changed = CaddyRouter(settings.model_copy(update={"http_port": taken}))
        with pytest.raises(Unavailable, match=f"cannot listen at 127.0.0.1:{taken}"):
            changed.ensure_running()
        assert ask(settings.http_port, HOST) == (200, "v1")


def test_a_caddy_that_cannot_start_is_told(settings: Settings, tmp_path: Path) -> None:
    broken = tmp_path / "caddy"
    broken.write_text("#!/bin/sh\necho no such thing\n")
    broken.chmod(0o700)
    failing = Keeper(settings)
    failing.options = replace(failing.options, binary=str(broken))
    with pytest.raises(Unavailable, match="no such thing"):
        failing.ensure_running()


def test_shutdown_ends_everything(router: CaddyRouter, settings: Settings) -> None:
    shutdown(settings.home)
    assert not is_locked(settings.home / "router/router.lock")
    assert not list((settings.home / "router").glob("caddy-*.lock"))
    shutdown(settings.home)


def test_shutdown_ends_caddy_after_its_router_was_killed(
    router: CaddyRouter, settings: Settings
) -> None:
    os.kill(pid_of(settings, "router"), signal.SIGKILL)
    shutdown(settings.home)
    assert not answers(settings)


def upstream(target: Target) -> str:
    return f"ip-{target.host.replace('.', '-')}.internal:{target.port}"
