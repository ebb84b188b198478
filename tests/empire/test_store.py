"""The store: sessions, the bell, and the line's leases, on each database."""

import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import inspect
from sqlmodel import SQLModel, select

from empire import apps, audit, deployments, leases, line, migrations, users
from empire.apps import App
from empire.deployments import Deployment, Step
from empire.errors import Superseded
from empire.events import Failed, Live
from empire.store import Bell, Store, announce_work, store_of
from empire.users import User
from tests.line import Line
from tests.waiting import PATIENCE_SECONDS


def test_the_migrations_make_the_tables_of_the_code(any_store: Store) -> None:
    any_store.migrate()
    assert audit.AuditLine.__tablename__ in SQLModel.metadata.tables
    with any_store.engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, SQLModel.metadata) == []


def test_the_migrations_lead_back_as_well(any_store: Store) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__path__[0])))
    with any_store.engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
    assert inspect(any_store.engine).get_table_names() == ["alembic_version"]
    any_store.migrate()
    assert "apps" in inspect(any_store.engine).get_table_names()


def test_what_is_written_is_read_and_what_fails_is_not(any_line: Line) -> None:
    store = any_line.store
    with pytest.raises(RuntimeError), store.writing() as session:  # noqa: PT012
        apps.create(session, "lost", by=any_line.ann)
        raise RuntimeError
    rings, works = store.bell.rings, store.work.rings
    any_line.make("kept")
    assert (store.bell.rings, store.work.rings) == (rings + 1, works)
    with store.reading() as session:
        session.add(User(email="x@example.com", name="X"))
        session.flush()
        assert store_of(session) is store
    with store.reading() as session:
        assert [app.name for app in session.exec(select(App))] == ["kept"]
        assert len(session.exec(select(User)).all()) == 1


def test_times_come_back_in_utc(any_line: Line) -> None:
    with any_line.store.reading() as session:
        user = users.find(session, "ann@example.com")
    assert (
        user.created_at.tzinfo == UTC
        or user.created_at.utcoffset() == datetime.now(UTC).utcoffset()
    )
    any_line.make("hello")
    with any_line.store.reading() as session:
        assert apps.find(session, "hello").released_at is None


def test_many_writers_wait_for_each_other(any_line: Line) -> None:
    any_line.make("hello")
    failures: list[Exception] = []

    def push(seed: str) -> None:
        try:
            any_line.push("hello", seed)
        except Exception as error:  # noqa: BLE001
            failures.append(error)

    threads = [threading.Thread(target=push, args=(seed,)) for seed in "0123456789abcdef"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_SECONDS)
    assert failures == []
    with any_line.store.reading() as session:
        rows = deployments.of_app(session, apps.find(session, "hello").id)
    assert [row.step for row in rows] == [Step.RECEIVED] + [Step.SUPERSEDED] * 15


def test_the_line_runs(any_line: Line) -> None:
    any_line.make("hello")
    any_line.make("other")
    with any_line.working():
        hello, other = any_line.push("hello"), any_line.push("other")
        for pushed in (hello, other):
            assert isinstance(any_line.told(pushed)[-1], Live)
        changed = any_line.config("hello", A="1")
        assert changed
        assert isinstance(any_line.told(changed)[-1], Live)
        any_line.settle()
        any_line.destroy("hello")
        any_line.settle()
    assert any_line.running("hello") == []
    assert any_line.running("other") == [(other.number, "web.1")]


def test_two_who_claim_at_once_get_different_deployments(any_line: Line) -> None:
    names = ["one", "two", "three", "four"]
    for name in names:
        any_line.make(name)
        any_line.push(name)
    claimed: list[int | None] = []

    def claim(owner: str) -> None:
        for _ in range(3):
            with any_line.store.writing() as session:
                found = leases.claim(session, owner, time.time(), 60)
                claimed.append(found.number if found else None)

    threads = [threading.Thread(target=claim, args=(f"w{n}:1",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_SECONDS)
    numbers = sorted(number for number in claimed if number is not None)
    assert numbers == sorted(set(numbers))
    with any_line.store.writing() as session:
        while (found := leases.claim(session, "last:1", time.time(), 60)) is not None:
            numbers.append(found.number or 0)
    assert len(numbers) == len(names)


def test_leases_are_renewed_released_and_asked_for(any_line: Line) -> None:
    any_line.make("hello")
    pushed = any_line.push("hello")
    number, now = pushed.number or 0, time.time()
    with any_line.store.writing() as session:
        assert leases.is_work(session, now)
        claimed = leases.claim(session, "w:1", now, 30)
        assert claimed
        assert not leases.is_work(session, now)
        assert leases.is_work(session, now + 31)
        assert not leases.is_work(session, now + 31, [number])
        assert not leases.is_renewal_due(session, "w:1", [number], now, 30)
        assert leases.is_renewal_due(session, "w:1", [number], now + 11, 30)
        assert not leases.is_renewal_due(session, "w:1", [], now + 11, 30)
        leases.renew(session, "w:1", [number], now + 11, 30)
        assert not leases.is_renewal_due(session, "w:1", [number], now + 11, 30)
    with any_line.store.writing() as session:
        line.cancel(session, deployments.find(session, pushed.id), by=any_line.ann)
        assert leases.cancelled(session, "w:1") == {number}
        leases.release(session, leases.held(session, number, "w:1"))
        assert leases.is_work(session, now)
        assert leases.claim(session, "w:2", now, 30)
        leases.take_back(session, "w")
    assert any_line.row(pushed).owner == ""


def test_a_superseded_push_that_is_rolled_back_still_waits(any_line: Line) -> None:
    any_line.make("hello")
    waiting = any_line.push("hello", "a")
    with pytest.raises(RuntimeError), any_line.store.writing() as session:  # noqa: PT012
        found = apps.find(session, "hello")
        source = waiting.source(found)
        line.submit_push(session, found, source=source, ref="refs/heads/x", by=any_line.ann)
        raise RuntimeError
    assert any_line.row(waiting).is_open
    assert any_line.store.journals.read(waiting.id) == ([], 0)


def test_a_journal_without_its_end_ends_by_what_the_row_says(any_line: Line) -> None:
    any_line.make("hello")
    first = any_line.push("hello", "a")
    any_line.push("hello", "b")
    story = deployments.follow(any_line.store, first.id, quiet_seconds=0.01)
    last = list(story)[-1]
    assert isinstance(last, Failed)
    assert last.code == Superseded.code
    waiting = deployments.follow(any_line.store, any_line.push("hello", "c").id, quiet_seconds=0.01)
    assert str(next(waiting)) == ""
    with any_line.store.writing() as session:
        row = session.exec(select(Deployment).where(Deployment.id == first.id)).one()
        deployments.advance(session, row, Step.LIVE)
        row.version = 2
    assert deployments.ending_of(any_line.store, first.id) == Live(2, "")


def test_workers_are_called_for_what_they_may_claim_and_for_no_more(any_line: Line) -> None:
    store = any_line.store
    any_line.make("hello")
    rings = store.work.rings
    first = any_line.push("hello")
    assert store.work.rings == rings + 1
    with store.writing() as session:
        assert leases.claim(session, "worker:1", 0, 30)
    with store.writing() as session:
        deployments.advance(
            session, leases.held(session, first.number or 0, "worker:1"), Step.BUILT
        )
    assert store.work.rings == rings + 1
    with store.writing() as session:
        leases.release(session, leases.held(session, first.number or 0, "worker:1"))
    assert store.work.rings == rings + 2
    any_line.cancel(first)
    assert store.work.rings == rings + 3
    with pytest.raises(RuntimeError), store.writing() as session:  # noqa: PT012
        announce_work(session)
        raise RuntimeError
    assert store.work.rings == rings + 3


def test_a_bell_wakes_who_waits_and_forgets_nobody() -> None:
    bell = Bell()
    seen = bell.rings
    bell.ring()
    bell.wait(seen, PATIENCE_SECONDS)
    bell.wait(bell.rings, 0.001)
    woken = threading.Event()

    def wait() -> None:
        bell.wait(seen_again, PATIENCE_SECONDS)
        woken.set()

    seen_again = bell.rings
    thread = threading.Thread(target=wait)
    thread.start()
    bell.ring()
    assert woken.wait(PATIENCE_SECONDS)
    thread.join(PATIENCE_SECONDS)
