"""What adapters noted of an app is there until the app is gone."""

from empire import ledger
from empire.ledger import Ledger
from empire.store import Store


def test_notes_are_kept_by_app(store: Store) -> None:
    notes = Ledger(store)
    notes.note("one", {"secret": "arn:1", "live/web": "7"})
    notes.note("two", {"secret": "arn:2"})
    notes.note("one", {"live/web": "8"})

    assert notes.of("one") == {"secret": "arn:1", "live/web": "8"}
    assert notes.of("three") == {}
    assert notes.all() == {"one": notes.of("one"), "two": {"secret": "arn:2"}}


def test_notes_are_forgotten_one_by_one_or_with_their_app(store: Store) -> None:
    notes = Ledger(store)
    for app in ("one", "two", "three"):
        notes.note(app, {"a": "1", "b": "2", "c": "3"})

    notes.strike("one", ["a", "b", "z"])
    notes.forget("two")
    with store.writing() as session:
        ledger.forget(session, "three")

    assert notes.all() == {"one": {"c": "3"}}


def test_notes_are_found_by_the_begin_of_their_key(store: Store) -> None:
    notes = Ledger(store)
    notes.note("one", {"run/run.1": "1", "run/run.2": "2", "runs": "3", "secret": "4"})
    notes.note("two", {"run/run.1": "5", "run%": "6"})

    assert notes.under("run/") == {"one": ["1", "2"], "two": ["5"]}
    assert notes.under("run/", "two") == {"two": ["5"]}
    assert notes.under("run%") == {"two": ["6"]}
    assert notes.under("run/", "three") == {}
