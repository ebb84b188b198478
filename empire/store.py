"""The database: sessions that read, sessions that write, and bells that ring after writes."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any
from uuid import uuid4

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, DateTime, Engine, Enum, create_engine, event
from sqlalchemy.types import TypeDecorator
from sqlmodel import Session

from empire.journal import Journals
from empire.secrets import Vault
from empire.settings import Settings
from empire.turns import Turns


def now() -> datetime:
    """Return the time, in UTC."""
    return datetime.now(UTC)


def new_id() -> str:
    """Return a fresh UUID in Heroku's form: lower case with dashes."""
    return str(uuid4())


class UtcDateTime(TypeDecorator[datetime]):
    """A time that comes back in UTC from databases that forget the zone, as SQLite does."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_result_value(self, value: datetime | None, _dialect: Any) -> datetime | None:
        """Return the time with its zone."""
        return value.replace(tzinfo=UTC) if value and value.tzinfo is None else value


def stored(kind: type[StrEnum]) -> Any:
    """Return the column type that stores the enum's values (the default would store its names)."""
    return Enum(
        kind,
        native_enum=False,
        length=30,
        values_callable=lambda members: [item.value for item in members],
    )


class Bell:
    """Wakes those who wait for a change. Only a hint: who waits also looks now and then."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._rings = 0

    @property
    def rings(self) -> int:
        """How often it rang; to be taken before one looks, and handed to `wait`."""
        return self._rings

    def ring(self) -> None:
        """Wake everybody who waits."""
        with self._condition:
            self._rings += 1
            self._condition.notify_all()

    def wait(self, seen: int, timeout_seconds: float) -> None:
        """Return at once if it rang since `seen`, else at the next ring or after the timeout."""
        with self._condition:
            self._condition.wait_for(lambda: self._rings != seen, timeout_seconds)


class Store:
    """The database of one server, with what belongs beside it: key vault, journals, bells, turns.

    `bell` rings after each write, `work` only where a worker may find something to claim.
    """

    def __init__(self, settings: Settings) -> None:
        """Open the database; `migrate` makes or renews its tables."""
        settings.prepare_home()
        self.settings = settings
        self.vault = Vault(settings.home / "master.key")
        self.journals = Journals(settings.logs / "deployments")
        self.bell = Bell()
        self.work = Bell()
        self.turns = Turns()
        self.engine = _open(settings.database)

    def migrate(self) -> None:
        """Bring the tables to this version's form."""
        config = Config()
        config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
        with self.engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Yield a session whose changes are thrown away."""
        with self._session() as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """Yield a session that commits at the end, or rolls back when an error passes through."""
        with self._session() as session:
            session.connection(execution_options={"writes": True})
            yield session
            session.commit()
        self.bell.ring()
        if session.info.get("has_work"):
            self.work.ring()

    @contextmanager
    def trying(self) -> Iterator[Session]:
        """Yield a session that may write, and whose changes are thrown away nevertheless."""
        with self._session() as session:
            session.connection(execution_options={"writes": True})
            yield session

    def close(self) -> None:
        """Close the connections."""
        self.engine.dispose()

    @contextmanager
    def _session(self) -> Iterator[Session]:
        with Session(self.engine, expire_on_commit=False) as session:
            session.info["store"] = self
            yield session


def store_of(session: Session) -> Store:
    """Return the store that the session came from."""
    store = session.info["store"]
    assert isinstance(store, Store)
    return store


def announce_work(session: Session) -> None:
    """Let workers look for work as soon as the session's changes are committed."""
    session.info["has_work"] = True


def _open(url: str) -> Engine:
    if not url.startswith("sqlite"):
        return create_engine(url, pool_pre_ping=True, pool_size=20, max_overflow=80)
    engine = create_engine(
        url, pool_size=20, max_overflow=200, connect_args={"check_same_thread": False}
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    # The driver must not begin transactions of its own: _begin_sqlite does.
    connection.isolation_level = None
    for pragma in (
        "journal_mode=WAL",
        # FULL: what was acknowledged survives a power cut, at one fsync per commit.
        "synchronous=FULL",
        "foreign_keys=ON",
        "busy_timeout=30000",
    ):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that reads first and writes later would fail with "database is locked" when
    # another one wrote in between; so one that will write takes the lock at its start.
    writes = connection.get_execution_options().get("writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
