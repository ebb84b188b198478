import os
from pathlib import Path

import pytest

from deployer.local.state import State, is_free_within, read_pids, take_lock, write_pids


def test_a_state_reads_back_as_written(tmp_path: Path) -> None:
    state = State(dns=1, pages=2, caddy=3, host="127.0.0.1", http=80, https=443)
    state.write(tmp_path)
    assert State.read(tmp_path) == state
    assert state.addresses == {"http": ("127.0.0.1", 80), "https": ("127.0.0.1", 443)}


@pytest.mark.parametrize("content", ["", "[]", '{"other": 1}', "{"])
def test_an_unreadable_state_is_an_empty_one(tmp_path: Path, content: str) -> None:
    (tmp_path / "state.json").write_text(content)
    assert State.read(tmp_path) == State()


def test_a_lock_is_held_by_one_and_names_its_holders(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    lock = take_lock(path)
    write_pids(lock, 7, 8)
    with pytest.raises(TimeoutError):
        take_lock(path, 0.05)
    assert not is_free_within(path, 0.05)
    assert read_pids(path) == [7, 8]
    os.close(lock)
    assert is_free_within(path, 1)
    assert read_pids(path) == []
