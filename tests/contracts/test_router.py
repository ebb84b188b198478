"""What every router does, seen from a visitor."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deployer.local.keeper import shutdown
from deployer.local.router import CaddyRouter
from empire.names import AppName, Hostname
from empire.platform import Router
from tests.backend import Backend, ask
from tests.contracts.filled_router import filled_router
from tests.deployer.local.conftest import router_settings
from tests.fakes import FakeRouter

HELLO = AppName("hello")
HOST = Hostname("hello.localhost")
Visit = Callable[[Hostname], str]
"""Returns what a visitor of the hostname reads, or nothing when no app answers."""


def fake() -> tuple[Router, Visit]:
    router = FakeRouter()

    def visit(hostname: Hostname) -> str:
        for hostnames, targets in router.routes.values():
            if hostname in hostnames and targets:
                return ask(targets[0].port, hostname)[1]
        return ""

    return router, visit


def caddy(home: Path) -> tuple[Router, Visit]:
    settings = router_settings(home)
    router = CaddyRouter(settings)
    router.ensure_running()

    def visit(hostname: Hostname) -> str:
        status, body = ask(settings.http_port, hostname)
        return body if status == 200 else ""

    return router, visit


def aws(router: Router, port: int) -> tuple[Router, Visit]:
    def visit(hostname: Hostname) -> str:
        status, body = ask(port, hostname)
        return body if status == 200 else ""

    return router, visit


@pytest.fixture(params=["fake", "caddy", pytest.param("aws", marks=pytest.mark.docker)])
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Router, Visit]]:
    if request.param == "fake":
        yield fake()
        return
    if request.param == "aws":
        simulator = request.getfixturevalue("simulator")
        router = filled_router(simulator, request.getfixturevalue("store"))
        yield aws(router, simulator.alb_port)
        router.close()
        return
    try:
        yield caddy(tmp_path)
    finally:
        shutdown(tmp_path)


def test_a_switch_brings_visitors_to_the_target(case: tuple[Router, Visit]) -> None:
    router, visit = case
    with Backend("v1") as v1:
        router.switch(HELLO, (HOST,), (v1.target,))
        assert visit(HOST) == "v1"


def test_the_first_visit_after_a_switch_reaches_the_new_target(
    case: tuple[Router, Visit],
) -> None:
    router, visit = case
    with Backend("v1") as v1, Backend("v2") as v2:
        for _ in range(10):
            router.switch(HELLO, (HOST,), (v1.target,))
            assert visit(HOST) == "v1"
            router.switch(HELLO, (HOST,), (v2.target,))
            assert visit(HOST) == "v2"


def test_a_switch_may_be_repeated(case: tuple[Router, Visit]) -> None:
    router, visit = case
    with Backend("v1") as v1:
        router.switch(HELLO, (HOST,), (v1.target,))
        router.switch(HELLO, (HOST,), (v1.target,))
        assert visit(HOST) == "v1"


def test_every_hostname_of_the_app_is_routed(case: tuple[Router, Visit]) -> None:
    router, visit = case
    other = Hostname("www.example.com")
    with Backend("v1") as v1:
        router.switch(HELLO, (HOST, other), (v1.target,))
        assert (visit(HOST), visit(other)) == ("v1", "v1")
        router.switch(HELLO, (other,), (v1.target,))
        assert (visit(HOST), visit(other)) == ("", "v1")


def test_without_targets_no_app_answers(case: tuple[Router, Visit]) -> None:
    router, visit = case
    with Backend("v1") as v1:
        router.switch(HELLO, (HOST,), (v1.target,))
        router.switch(HELLO, (HOST,), ())
        assert visit(HOST) == ""


def test_a_removed_app_no_longer_answers(case: tuple[Router, Visit]) -> None:
    router, visit = case
    with Backend("v1") as v1:
        router.switch(HELLO, (HOST,), (v1.target,))
        router.remove(HELLO)
        router.remove(HELLO)
        assert visit(HOST) == ""


def test_switches_at_once_do_not_lose_one_another(case: tuple[Router, Visit]) -> None:
    router, visit = case
    names = [f"app-{number}" for number in range(20)]
    with Backend("v1") as v1:
        threads = [
            threading.Thread(
                target=router.switch,
                args=(AppName(name), (Hostname(f"{name}.localhost"),), (v1.target,)),
            )
            for name in names
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert [visit(Hostname(f"{name}.localhost")) for name in names] == ["v1"] * 20


def test_draining_idle_targets_returns(case: tuple[Router, Visit]) -> None:
    router, visit = case
    with Backend("v1") as v1:
        router.switch(HELLO, (HOST,), (v1.target,))
        assert visit(HOST) == "v1"
        router.drain((v1.target,))
        router.drain(())


def test_the_address_names_the_host(case: tuple[Router, Visit]) -> None:
    router, _ = case
    assert router.url(HOST).startswith("http://hello.localhost")
