"""The ring of files under an app's log."""

from pathlib import Path

import pytest

from deployer.local import segments
from deployer.local.segments import Segments

SMALL = 100
RECORDS = [b"record %04d\n" % n for n in range(200)]


@pytest.fixture
def ring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Segments:
    """Files of a hundred bytes, at most three."""
    monkeypatch.setattr(segments, "SEGMENT_BYTES", SMALL)
    return Segments(tmp_path / "app", 3)


def all_of(ring: Segments, position: int = 0, most_bytes: int = 64) -> list[bytes]:
    found: list[bytes] = []
    while True:
        content, begin = ring.read(position, most_bytes)
        if not content:
            return found
        found += content.splitlines(keepends=True)
        position = begin + len(content)


def test_nothing_written(ring: Segments) -> None:
    assert (ring.read(0), ring.end(), list(ring.newest_first())) == ((b"", 0), 0, [])
    ring.remove()


def test_the_oldest_file_goes_when_there_are_more(ring: Segments, tmp_path: Path) -> None:
    for record in RECORDS:
        ring.append([record])

    kept = sorted((tmp_path / "app").iterdir())
    assert len(kept) == 3
    assert sum(path.stat().st_size for path in kept) < 4 * SMALL
    found = all_of(ring)
    assert found == RECORDS[-len(found) :]
    assert ring.first() == found[0].rstrip()


def test_many_records_at_once_are_bounded_too(ring: Segments, tmp_path: Path) -> None:
    ring.append(RECORDS)

    assert len(list((tmp_path / "app").iterdir())) == 3
    assert all_of(ring)[-1] == RECORDS[-1]


def test_a_record_larger_than_a_file_or_a_part(ring: Segments) -> None:
    large = b"x" * 1000 + b"\n"
    ring.append([RECORDS[0], large, RECORDS[1]])

    assert all_of(ring) == [RECORDS[0], large, RECORDS[1]]
    assert ring.first() == b""


def test_half_a_record_is_not_read_and_is_cut_off_by_the_next_writer(
    ring: Segments, tmp_path: Path
) -> None:
    ring.append(RECORDS[:2])
    with (tmp_path / "app" / "00000001.log").open("ab") as file:
        file.write(b"record of a wri")

    assert all_of(ring) == RECORDS[:2]
    assert next(ring.newest_first())[0] == b"".join(RECORDS[:2])
    ring.append(RECORDS[2:3])
    assert all_of(ring) == RECORDS[:3]


def test_a_reader_goes_on_where_it_was_and_behind_what_is_gone(ring: Segments) -> None:
    ring.append(RECORDS[:3])
    position = ring.end()
    assert ring.read(position) == (b"", position)
    ring.append(RECORDS[3:12])
    assert all_of(ring, position) == RECORDS[3:12]
    ring.append(RECORDS[12:])
    assert all_of(ring, position) == all_of(ring, 0)


def test_a_position_of_a_log_that_is_gone(ring: Segments) -> None:
    ring.append(RECORDS)
    position = ring.end()
    ring.remove()
    ring.append(RECORDS[:2])

    assert all_of(ring, position) == RECORDS[:2]


def test_readers_at_different_places_come_to_the_same(ring: Segments) -> None:
    ring.append(RECORDS[:8])
    ends = set()
    for start in (0, len(RECORDS[0]), 3 * len(RECORDS[0])):
        content, begin = ring.read((1 << 32) + start, most_bytes=64)
        ends.add(begin + len(content))
    assert len(ends) == 1


def test_files_that_go_while_they_are_read(ring: Segments, tmp_path: Path) -> None:
    ring.append(RECORDS[:20])
    reading = ring.newest_first()
    next(reading)
    gone = ring.end()
    for path in (tmp_path / "app").iterdir():
        path.unlink()
        path.symlink_to("nowhere")

    assert list(reading) == []
    assert ring.end() == 0
    assert ring.read(gone) == (b"", gone)
