"""What the engine is offered of a commit, and what it gets of it."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from buildpacks import protobuf
from buildpacks.filesync import DATA, ID, IS_FIN, IS_REQUEST, STAT, TYPE, Offer, Sending
from buildpacks.folder import Folder, Item
from buildpacks.protobuf import Message
from buildpacks.tree import Tree
from empire.errors import BuildFailed
from tests.buildpacks.sources import File, Link, Program, Repository

FILES: dict[str, File] = {
    "a": "one",
    "a.txt": "",
    "sub/run": Program("two"),
    "sub/link": Link("../a"),
    "big": bytes(700_000),
}


@pytest.fixture
def offer(repository: Repository, tmp_path: Path) -> Iterator[Offer]:
    """What is offered of a small commit."""
    source = repository.commit(FILES)
    with Tree(source) as tree:
        folder = Folder.of({"own/file": b"ours"}, tree, tree.entries.values(), "app/")
        offer = Offer({"context": folder}, source.git_dir, tmp_path / "times", 1000)
        yield offer
        offer.close()


def messages(piece: bytes) -> Iterator[Message]:
    """Yield the packets of a piece."""
    while piece:
        end = 5 + int.from_bytes(piece[1:5], "big")
        yield Message.of(piece[5:end])
        piece = piece[end:]


def asked(offer: Offer, *paths: str) -> Sending:
    """Return the answer to a request for the context."""
    sending = offer.asked({"dir-name": ["context"], "followpaths": list(paths)})
    assert sending is not None
    return sending


def names(sending: Sending) -> tuple[list[Message], Iterator[bytes]]:
    """Return the stats up to the one that ends them, and what comes next."""
    stats: list[Message] = []
    pieces = sending.pieces()
    for piece in pieces:
        for packet in messages(piece):
            if not packet.is_set(STAT):
                return stats, pieces
            stats += packet.messages(STAT)
    raise AssertionError("the names have no end")


def test_names_come_in_the_engines_order(offer: Offer) -> None:
    stats, _ = names(asked(offer))
    assert [(stat.text(1), oct(stat.number(2)), stat.number(5)) for stat in stats] == [
        ("app", oct(1 << 31 | 0o755), 0),
        ("app/a", "0o644", 3),
        ("app/a.txt", "0o644", 0),
        ("app/big", "0o644", 700_000),
        ("app/sub", oct(1 << 31 | 0o755), 0),
        ("app/sub/link", oct(1 << 27 | 0o777), 4),
        ("app/sub/run", "0o755", 3),
        ("own", oct(1 << 31 | 0o755), 0),
        ("own/file", "0o644", 4),
    ]
    assert stats[5].text(7) == "../a"
    assert {stat.number(6) for stat in stats} == {1000 * 10**9}


def test_folders_come_before_names_that_go_on(repository: Repository) -> None:
    source = repository.commit({"x/y": "", "x.y": "", "x-y": ""})
    with Tree(source) as tree:
        folder = Folder.of({}, tree, tree.entries.values(), "")
    assert [item.path for item in folder.items] == ["x", "x/y", "x-y", "x.y"]


def test_only_what_is_asked_for_is_sent(offer: Offer) -> None:
    sending = asked(offer)
    _, pieces = names(sending)
    assert next(pieces) == b""
    for number in (3, 8, 2):
        sending.take(protobuf.varint_field(TYPE, IS_REQUEST) + protobuf.varint_field(ID, number))
    contents: dict[int, bytes] = {}
    for piece in pieces:
        if not piece:
            break
        for packet in messages(piece):
            number = packet.number(ID)
            contents[number] = contents.get(number, b"") + packet.bytes(DATA)
    assert contents == {2: b"", 3: bytes(700_000), 8: b"ours"}
    sending.take(protobuf.varint_field(TYPE, IS_FIN))
    (fin,) = messages(b"".join(pieces))
    assert fin.number(TYPE) == IS_FIN


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (["sub/x"], {"sub", "sub/x"}),
        (["/a", "sub"], {"a", "sub", "sub/x", "sub/y"}),
        (["."], {"a", "sub", "sub/x", "sub/y"}),
        (["s*"], {"a", "sub", "sub/x", "sub/y"}),
        ([], {"a", "sub", "sub/x", "sub/y"}),
        (["none"], set()),
        ([".dockerignore"], set()),
    ],
)
def test_a_build_gets_what_it_copies(paths: list[str], expected: set[str], tmp_path: Path) -> None:
    folder = Folder([Item(path, 0o100644) for path in ("a", "sub/x", "sub/y")])
    offer = Offer({"context": folder}, tmp_path, tmp_path / "times", 0)
    stats, _ = names(asked(offer, *paths))
    assert {stat.text(1) for stat in stats} == expected


def test_names_may_be_encoded_and_folders_missing(tmp_path: Path) -> None:
    offer = Offer({"context": Folder([Item("ü", 0o100644)])}, tmp_path, tmp_path / "times", 0)
    headers = {"dir-name": ["context"], "followpaths": ["%C3%BC"], "followpaths-encoded": ["1"]}
    sending = offer.asked(headers)
    assert sending is not None
    assert [stat.text(1) for stat in names(sending)[0]] == ["ü"]
    assert offer.asked({"dir-name": ["elsewhere"]}) is None


def test_an_object_that_is_gone(offer: Offer, repository: Repository) -> None:
    sending = asked(offer)
    _, pieces = names(sending)
    subprocess.run(["rm", "-r", str(repository.folder / ".git" / "objects")], check=True)
    (repository.folder / ".git" / "objects").mkdir()
    sending.take(protobuf.varint_field(TYPE, IS_REQUEST) + protobuf.varint_field(ID, 1))
    with pytest.raises(BuildFailed, match="Git cannot read"):
        list(pieces)
