"""What adapters must remember of an app because their platform cannot tell it again, or not cheaply."""

from collections.abc import Iterable, Mapping

from sqlmodel import Field, Session, SQLModel, col, delete, select

from empire.store import Store


class Entry(SQLModel, table=True):
    """One remembered text. `app` is the app's handle."""

    __tablename__ = "ledger"

    app: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    text: str


class Ledger:
    """The entries of all apps. What is noted survives the death of the server; nothing is secret."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def of(self, app: str) -> dict[str, str]:
        """Return the entries of an app."""
        with self._store.reading() as session:
            rows = session.exec(select(Entry).where(Entry.app == app))
            return {row.key: row.text for row in rows}

    def under(self, prefix: str, app: str | None = None) -> dict[str, list[str]]:
        """Return the texts of all keys that begin so, of one app or of every app that has any."""
        query = select(Entry).where(col(Entry.key).startswith(prefix, autoescape=True))
        found: dict[str, list[str]] = {}
        with self._store.reading() as session:
            for row in session.exec(query.where(Entry.app == app) if app else query):
                found.setdefault(row.app, []).append(row.text)
        return found

    def all(self) -> dict[str, dict[str, str]]:
        """Return the entries of every app."""
        found: dict[str, dict[str, str]] = {}
        with self._store.reading() as session:
            for row in session.exec(select(Entry)):
                found.setdefault(row.app, {})[row.key] = row.text
        return found

    def texts(self, key: str) -> dict[str, str]:
        """Return the texts of one key, by app."""
        with self._store.reading() as session:
            return {
                row.app: row.text for row in session.exec(select(Entry).where(Entry.key == key))
            }

    def note(self, app: str, entries: Mapping[str, str]) -> None:
        """Remember the entries, all or none; earlier texts of the same keys are replaced."""
        with self._store.writing() as session:
            for key, text in entries.items():
                session.merge(Entry(app=app, key=key, text=text))

    def strike(self, app: str, keys: Iterable[str]) -> None:
        """Forget some entries of an app."""
        with self._store.writing() as session:
            mine = delete(Entry).where(col(Entry.app) == app)
            session.exec(mine.where(col(Entry.key).in_(list(keys))))

    def forget(self, app: str) -> None:
        """Forget all entries of an app."""
        with self._store.writing() as session:
            forget(session, app)


def forget(session: Session, app: str) -> None:
    """Forget all entries of an app in the transaction that takes the app away."""
    session.exec(delete(Entry).where(col(Entry.app) == app))
