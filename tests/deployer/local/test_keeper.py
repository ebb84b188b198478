import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from deployer.local import caddy, dns, keeper
from deployer.local.keeper import Keeper, shutdown
from deployer.local.proxy import Proxy
from deployer.local.router import CaddyRouter
from deployer.local.state import State, is_locked, read_pids
from empire.errors import InvalidInput, Unavailable
from empire.manifest import Target
from empire.settings import Settings
from tests.backend import Backend, ask
from tests.deployer.local.conftest import HELLO, HOST, free_port
from tests.load import ROOT, Load, Traffic
from tests.waiting import wait_until


def router_pids(settings: Settings) -> list[int]:
    """Return the process numbers of the router's guard and worker."""
    return read_pids(settings.home / "router/router.lock")


def caddy_pid(settings: Settings) -> int:
    """Return Caddy's process number."""
    folder = settings.home / "router"
    return int((folder / f"caddy-{State.read(folder).caddy}.lock").read_text())


def kill_router(settings: Settings) -> None:
    """Kill guard and worker, and wait until they are gone."""
    keeper.kill(settings.home / "router")
    wait_until(lambda: not is_locked(settings.home / "router/router.lock"))


def answers(settings: Settings) -> bool:
    with contextlib.suppress(OSError):
        return ask(settings.http_port, HOST, timeout_seconds=2)[0] == 200
    return False


def test_a_running_router_is_adopted(router: CaddyRouter, settings: Settings) -> None:
    before = router_pids(settings), caddy_pid(settings)
    CaddyRouter(settings).ensure_running()
    assert (router_pids(settings), caddy_pid(settings)) == before


def test_a_killed_caddy_comes_back_on_the_same_socket(
    router: CaddyRouter, settings: Settings
) -> None:
    with Backend("v1") as v1:
        router.switch(HELLO, (HOST,), (v1.target,))
        killed = caddy_pid(settings)
        os.kill(killed, signal.SIGKILL)
        assert ask(settings.http_port, HOST) == (200, "v1")
        assert caddy_pid(settings) != killed


def test_a_killed_worker_costs_no_request(router: CaddyRouter, settings: Settings) -> None:
    with Backend("v1") as v1, Backend("v2") as v2:
        router.switch(HELLO, (HOST,), (v1.target,))
        guard = router_pids(settings)[0]
        with Load(traffic(settings)) as load:
            for _ in range(5):
                killed = router_pids(settings)
                os.kill(killed[1], signal.SIGKILL)
                wait_until(partial(is_renewed, settings, killed))
                router.switch(HELLO, (HOST,), (v2.target,))
                assert ask(settings.http_port, HOST) == (200, "v2")
                router.switch(HELLO, (HOST,), (v1.target,))
                assert ask(settings.http_port, HOST) == (200, "v1")
            report = load.stop()
    assert report.failed == 0, report
    assert router_pids(settings)[0] == guard


def test_a_killed_guard_is_not_missed(router: CaddyRouter, settings: Settings) -> None:
    with Backend("v1") as v1:
        os.kill(router_pids(settings)[0], signal.SIGKILL)
        router.switch(HELLO, (HOST,), (v1.target,))
        assert ask(settings.http_port, HOST) == (200, "v1")


def test_after_guard_and_worker_were_killed_caddy_is_adopted(
    router: CaddyRouter, settings: Settings
) -> None:
    with Backend("v1") as v1, Backend("v2") as v2:
        router.switch(HELLO, (HOST,), (v1.target,))
        before = caddy_pid(settings)
        kill_router(settings)
        router.switch(HELLO, (HOST,), (v2.target,))
        assert ask(settings.http_port, HOST) == (200, "v2")
        assert caddy_pid(settings) == before
        os.kill(before, signal.SIGKILL)
        wait_until(lambda: answers(settings))


def test_after_all_were_killed_the_routes_are_back(router: CaddyRouter, settings: Settings) -> None:
    with Backend("v1") as v1:
        router.switch(HELLO, (HOST,), (v1.target,))
        kill_router(settings)
        os.kill(caddy_pid(settings), signal.SIGKILL)
        wait_until(lambda: not answers(settings))
        CaddyRouter(settings).ensure_running()
        assert ask(settings.http_port, HOST) == (200, "v1")


def test_a_silent_router_is_replaced(
    router: CaddyRouter, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper, "SILENT_SECONDS", 0.5)
    before = router_pids(settings)
    for stopped in before:
        os.kill(stopped, signal.SIGSTOP)
    wait_until(lambda: router._keeper._status() is None)  # it may be on another processor yet
    router.ensure_running()
    assert not set(router_pids(settings)) & set(before)


def test_the_watch_brings_a_killed_router_back(
    router: CaddyRouter, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper, "WATCH_SECONDS", 0.05)
    stopping = threading.Event()
    watching = threading.Thread(target=router.watch, args=(stopping,))
    watching.start()
    before = router_pids(settings)
    keeper.kill(settings.home / "router")
    wait_until(lambda: router_pids(settings) not in ([], before))
    stopping.set()
    watching.join(60)


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
    wait_until(lambda: Keeper(settings)._status() is not None)
    stopping.set()
    watching.join(60)


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
            wait_until(
                lambda: server.stdout is not None and b"switched" in server.stdout.readline()
            )
            server.kill()
        assert ask(settings.http_port, HOST) == (200, "v1")


def test_new_code_takes_over_without_losing_a_request(
    router: CaddyRouter, settings: Settings
) -> None:
    with Backend("v1") as v1:
        router.switch(HELLO, (HOST,), (v1.target,))
        old, before = router_pids(settings), caddy_pid(settings)
        with Load(traffic(settings)) as load:
            newer = CaddyRouter(settings)
            newer._keeper.options = replace(newer._keeper.options, stamp="newer")
            newer.ensure_running()
            report = load.stop()
    assert report.failed == 0, report
    assert not set(router_pids(settings)) & set(old)
    assert caddy_pid(settings) == before


def test_a_new_configuration_takes_over_while_requests_are_under_way(
    router: CaddyRouter, settings: Settings
) -> None:
    # Only here Caddy itself is replaced. The old one may close connections that it just accepted
    # (likely golang/go#75591; seen: 5 requests in one of 25 runs). Requests under way never fail.
    with Backend("v1") as v1:
        router.switch(HELLO, (HOST,), (v1.target,))
        old = caddy_pid(settings)
        with Load(replace(traffic(settings), slow=8, slow_seconds=1)) as load:
            wait_until(lambda: router._keeper.in_flight({upstream(v1.target)}) > 0)
            changed = settings.model_copy(update={"api_port": free_port()})
            CaddyRouter(changed).ensure_running()
            assert ask(settings.http_port, HOST) == (200, "v1")
            report = load.stop()
    assert not report.kinds["slow"].failures, report
    reasons = {reason for counts in report.kinds.values() for reason in counts.failures}
    assert all(reason.startswith("closed before the answer") for reason in reasons), report
    assert report.failed <= 10, report
    assert caddy_pid(settings) != old


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
    kill_router(settings)
    shutdown(settings.home)
    assert not answers(settings)


def is_renewed(settings: Settings, killed: list[int]) -> bool:
    """Tell whether a new worker has taken the killed one's place."""
    return router_pids(settings) not in ([], killed)


def test_a_caddy_that_hangs_is_killed_at_the_end(router: CaddyRouter, settings: Settings) -> None:
    kill_router(settings)
    os.kill(caddy_pid(settings), signal.SIGSTOP)
    hanging = Proxy(settings.home / "router", "", State.read(settings.home / "router").caddy)
    hanging.stop(grace_seconds=0.2)
    assert not hanging.is_alive()


def test_a_router_that_cannot_read_the_routes_is_told(
    router: CaddyRouter, settings: Settings
) -> None:
    with pytest.raises(Unavailable, match="does not answer"):
        router._keeper.wait_until_read(10_000)


def traffic(settings: Settings) -> Traffic:
    """Return a load of quick requests."""
    return Traffic("127.0.0.1", settings.http_port, HOST, slow=0, websockets=0)


def upstream(target: Target) -> str:
    return f"{dns.target_name(target.host)}:{target.port}"


def test_a_home_below_which_no_socket_can_live_is_refused(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / ("x" * 100))

    with pytest.raises(InvalidInput, match="too long"):
        Keeper(settings).ensure_running()
