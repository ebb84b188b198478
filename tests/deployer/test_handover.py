"""Workers that hand deployments over: locks, leases, orderly stops, faults that pass."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlmodel import Session, update

from deployer.worker import Worker
from empire import leases
from empire.deployments import Deployment, Step
from empire.errors import Unavailable
from empire.events import Live, is_last
from empire.names import AppName
from empire.settings import Settings
from empire.store import Store
from tests.line import Line, Outside
from tests.waiting import wait_until

HELLO = AppName("hello")


@contextmanager
def second_server(line: Line) -> Iterator[Line]:
    """Yield the line as another server sees it: another home, the same database and outside."""
    home = line.store.settings.home
    store = Store(
        Settings(home=home.with_name("second"), database_url=line.store.settings.database)
    )
    store.vault, store.journals = line.store.vault, line.store.journals
    yield Line(store, line.ann, line.outside)
    store.close()


def let_leases_run_out(line: Line) -> None:
    """Let time pass for all leases."""
    with line.store.writing() as session:
        session.exec(update(Deployment).values(leased_until=time.time() - 1))


def test_a_second_worker_does_not_start_in_the_same_home(line: Line) -> None:
    with line.working():
        second = Worker(line.store, Outside().platform)
        with pytest.raises(Unavailable, match="Another server works in this home"):
            second.start()
        second.stop()
    with line.working():
        pass


@pytest.mark.parametrize(
    ("port", "step"),
    [
        ("builder.build", Step.RECEIVED),
        ("registry.push", Step.RECEIVED),
        ("scheduler.start", Step.PREPARED),
        ("router.switch", Step.STARTED),
        ("scheduler.keep", Step.STARTED),
        ("sources.land", Step.LIVE),
        ("scheduler.retire", Step.LIVE),
    ],
)
def test_another_worker_takes_over_where_the_first_one_hangs(
    line: Line, port: str, step: Step
) -> None:
    line.make("hello")
    name, _, method = port.partition(".")
    fake = getattr(line.outside, name)
    gate = fake.hold(method)
    with line.working():
        pushed = line.push("hello")
        fake.wait_for(method)
        assert line.row(pushed).step == step
        fake._gates.clear()
        with second_server(line) as second:
            worker = Worker(second.store, second.outside.platform)
            with second.store.writing() as session:  # what the first one cannot renew any more
                assert leases.claim(session, "elsewhere:1", time.time() + 60, 0)
            let_leases_run_out(line)
            worker.start()
            second.settle()
            gate.set()
            wait_until(lambda: not carriers(), "the first worker lets go")
            worker.stop()
        line.settle()
    assert line.row(pushed).step == Step.LIVE
    assert line.row(pushed).version == 2
    assert line.running("hello") == [(pushed.number, "web.1")]
    assert line.routed("hello") == [pushed.number]
    assert line.outside.sources.landed[HELLO] == {"refs/heads/main": "a" * 40}
    ends = [event for event in line.told(pushed) if is_last(event)]
    assert ends == [Live(2, "http://hello.localhost:8080")]


def carriers() -> list[threading.Thread]:
    """Return the threads that carry a deployment now."""
    return [thread for thread in threading.enumerate() if thread.name.startswith("deployment-")]


@pytest.mark.parametrize("port", ["builder.build", "scheduler.start"])
def test_an_orderly_stop_lets_go_and_the_next_worker_resumes(line: Line, port: str) -> None:
    line.make("hello")
    name, _, method = port.partition(".")
    fake = getattr(line.outside, name)
    gate = fake.hold(method)
    with line.working():
        pushed = line.push("hello")
        fake.wait_for(method)
        station = line.row(pushed).step
    row = line.row(pushed)
    assert (row.step, row.owner, row.is_settled) == (station, "", False)
    gate.set()
    with line.working():
        assert line.told(pushed)[-1] == Live(2, "http://hello.localhost:8080")
        line.settle()


def test_a_worker_that_slept_does_not_carry_its_own_deployment_twice(line: Line) -> None:
    line.make("hello")
    gate = line.outside.builder.hold("build")
    with line.working():
        pushed = line.push("hello")
        line.outside.builder.wait_for("build")
        let_leases_run_out(line)
        other = line.push("hello", "b")  # and with it the bell rings
        wait_until(lambda: line.row(pushed).leased_until > time.time(), "the lease is renewed")
        assert len(line.outside.builder.called("build")) == 1
        gate.set()
        line.told(other)
        line.settle()
    assert len(line.outside.builder.called("build")) == 2


def test_leases_are_renewed_while_a_deployment_is_carried(line: Line) -> None:
    object.__setattr__(line.store.settings, "lease_seconds", 0.3)
    line.make("hello")
    gate = line.outside.builder.hold("build")
    with line.working():
        pushed = line.push("hello")
        line.outside.builder.wait_for("build")
        first = line.row(pushed).leased_until
        wait_until(lambda: line.row(pushed).leased_until > first + 0.3, "the lease is renewed")
        gate.set()
        assert isinstance(line.told(pushed)[-1], Live)


class FailingStore(Store):
    """A store whose commits fail while the disk is full."""

    is_full = False

    @contextmanager
    def writing(self) -> Iterator[Session]:
        with super().writing() as session:
            yield session
            if self.is_full:
                raise OSError("No space left on device")


def test_a_full_disk_holds_a_deployment_up_and_no_longer(line: Line) -> None:
    line.make("hello")
    store = FailingStore(line.store.settings)
    object.__setattr__(store.settings, "lease_seconds", 0.5)
    gate = line.outside.builder.hold("build")
    worker = Worker(store, line.outside.platform)
    worker.start()
    pushed = line.push("hello")
    line.outside.builder.wait_for("build")
    store.is_full = True
    gate.set()
    wait_until(lambda: not carriers(), "the carrier gives up")
    assert line.row(pushed).owner
    store.is_full = False
    assert isinstance(line.told(pushed)[-1], Live)
    line.settle()
    worker.stop()
    store.close()


def test_what_ended_but_could_not_be_cleaned_up_is_cleaned_up_later(line: Line) -> None:
    line.make("hello")
    line.outside.scheduler.fail("retire", Unavailable("The engine is away."))
    with line.working():
        pushed = line.push("hello")
        assert isinstance(line.told(pushed)[-1], Live)
        line.settle()
    assert len(line.outside.scheduler.called("retire")) == 2


def test_a_commit_that_could_not_land_lands_later_but_not_over_a_newer_one(line: Line) -> None:
    line.make("hello")
    line.outside.sources.fail("land", OSError("No space left on device"))
    gate = threading.Event()
    with line.working():
        first = line.push("hello", "a")
        line.outside.sources.wait_for("land")
        second = line.push("hello", "b")
        line.told(second)
        line.settle()
        gate.set()
    assert line.outside.sources.landed[HELLO] == {"refs/heads/main": "b" * 40}
    assert line.row(first).step == Step.LIVE


def test_leases_of_an_earlier_process_are_taken_back_at_once(line: Line) -> None:
    line.make("hello")
    pushed = line.push("hello")
    instance = line.store.settings.instance
    with line.store.writing() as session:
        assert leases.claim(session, f"{instance}:dead", time.time(), 3600)
    with line.store.reading() as session:
        assert not leases.is_work(session, time.time())
    with line.working():
        assert isinstance(line.told(pushed)[-1], Live)


def test_who_lost_the_lease_is_told_so(line: Line) -> None:
    line.make("hello")
    pushed = line.push("hello")
    with line.store.writing() as session:
        claimed = leases.claim(session, "one:1", time.time(), 0)
        assert claimed
    with line.store.writing() as session:
        assert leases.claim(session, "two:1", time.time() + 1, 60)
        with pytest.raises(leases.LeaseLost, match="carried by another worker"):
            leases.held(session, claimed.number or 0, "one:1")
        assert leases.held(session, claimed.number or 0, "two:1").id == pushed.id
        with pytest.raises(leases.LeaseLost):
            leases.held(session, 99, "two:1")


def test_a_worker_that_cannot_get_a_thread_tries_again(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    line.make("hello")
    start, refused = threading.Thread.start, threading.Event()

    def start_or_fail(thread: threading.Thread) -> None:
        if thread.name.startswith("deployment-") and not refused.is_set():
            refused.set()
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", start_or_fail)
    object.__setattr__(line.store.settings, "lease_seconds", 0.5)
    with line.working():
        assert isinstance(line.told(line.push("hello"))[-1], Live)
    assert refused.is_set()
