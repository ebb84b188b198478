"""Errors carry what, why and fix, and survive a trip between processes."""

import pickle

from empire.errors import EmpireError, InternalError, StartFailed, Superseded


def test_an_error_reads_as_what_why_and_fix() -> None:
    error = StartFailed("It exited.", why="Code 3.", fix="Look.", docs="docs/start.md")
    assert str(error) == "It exited.\nCode 3.\nLook.\ndocs/start.md"
    assert str(EmpireError("Only this.")) == "Only this."


def test_an_error_comes_back_whole_from_a_pickle() -> None:
    error = pickle.loads(pickle.dumps(Superseded("It ended.", why="b", fix="c", docs="d")))
    assert isinstance(error, Superseded)
    assert (error.what, error.why, error.fix, error.docs) == ("It ended.", "b", "c", "d")
    assert error.code == "superseded"


def test_an_internal_error_gives_a_number_to_ask_for() -> None:
    one, two = InternalError.with_reference(), InternalError.with_reference()
    assert one.what != two.what
    assert one.what.partition("reference ")[2][:8] in one.fix
