"""When files changed: no time is given twice."""

from pathlib import Path

import pytest

from buildpacks.stamps import SECOND, stamped


def test_only_what_changed_gets_another_time(tmp_path: Path) -> None:
    file = tmp_path / "times" / "app"
    first = stamped(file, {"a": "1", "b": "1"}, 100)
    assert first.files == {"a": ("1", 100 * SECOND), "b": ("1", 100 * SECOND)}
    second = stamped(file, {"a": "2", "b": "1", "c": "1"}, 200)
    assert second.files == {
        "a": ("2", 200 * SECOND),
        "b": ("1", 100 * SECOND),
        "c": ("1", 200 * SECOND),
    }
    assert second.lineage == first.lineage


def test_an_older_commit_gets_later_times(tmp_path: Path) -> None:
    file = tmp_path / "app"
    stamped(file, {"a": "1"}, 200)
    assert stamped(file, {"a": "0"}, 100).files["a"] == ("0", 200 * SECOND + 1)
    assert stamped(file, {}, 100).files == {}
    assert stamped(file, {"a": "1"}, 200).files["a"] == ("1", 200 * SECOND + 3)


def test_the_same_contents_write_nothing(tmp_path: Path) -> None:
    file = tmp_path / "app"
    stamped(file, {"a": "1"}, 100)
    written = file.stat().st_ino
    stamped(file, {"a": "1"}, 300)
    assert file.stat().st_ino == written


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"files": {"a": 1}}', b'{"files": {"a": ["1", "x"]}}']
)
def test_a_damaged_file_begins_another_lineage(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "app"
    before = stamped(file, {"a": "1"}, 100)
    file.write_bytes(content)
    after = stamped(file, {"a": "1"}, 300)
    assert after.lineage != before.lineage
    assert after.files == {"a": ("1", 300 * SECOND)}


def test_years_that_do_not_fit(tmp_path: Path) -> None:
    assert stamped(tmp_path / "app", {"a": "1"}, 1 << 40).last < 1 << 63
