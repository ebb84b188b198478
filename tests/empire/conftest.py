"""The store on each database that it runs on."""

import secrets
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from empire import users
from empire.settings import Settings
from empire.store import Store
from tests import postgres
from tests.line import Line


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The databases of a PostgreSQL of this test run."""
    if reason := postgres.why_not():
        pytest.skip(reason)
    with ExitStack() as stack:
        yield stack.enter_context(postgres.running())


@pytest.fixture(params=["sqlite", "postgres"])
def any_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """A store of its own on each database."""
    url = ""
    if request.param == "postgres":
        url = _fresh_database(request.getfixturevalue("postgres_url"))
    store = Store(Settings(home=tmp_path / "home", database_url=url, build_concurrency=2))
    store.migrate()
    yield store
    store.close()


@pytest.fixture
def any_line(any_store: Store) -> Line:
    """The deployment line around the store on each database."""
    with any_store.writing() as session:
        user, _ = users.first(session, "Ann", "ann@example.com")
        return Line(any_store, users.acting(user, "test"))


def _fresh_database(url: str) -> str:
    name = f"test_{secrets.token_hex(4)}"
    engine = create_engine(url.format("postgres"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return url.format(name)


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Store]:
    """A store of a server whose apps run on AWS."""
    store = Store(Settings(home=tmp_path / "cloud", backend="aws"))
    store.migrate()
    yield store
    store.close()
