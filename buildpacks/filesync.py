"""Gives BuildKit the files that it lacks, and only those: the sender of its file synchronisation.

All names go first, with size, mode and time; the engine asks by number for the contents that it has
not kept from an earlier build (tonistiigi/fsutil, types/wire.proto and types/stat.proto).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from urllib.parse import unquote

from buildpacks.folder import Folder, Item, contents
from buildpacks.objects import Objects
from buildpacks.protobuf import Message, bytes_field, varint_field
from buildpacks.stamps import Stamps, stamped

DIFF_COPY = "/moby.filesync.v1.FileSync/DiffCopy"
# Packet: its type, and the fields that go with it.
TYPE, STAT, ID, DATA = 1, 2, 3, 4
IS_STAT, IS_REQUEST, IS_DATA, IS_FIN = 0, 1, 2, 3
# Stat.
PATH, MODE, SIZE, TIME, TARGET = 1, 2, 5, 6, 7
GO_FOLDER, GO_LINK = 1 << 31, 1 << 27  # os.FileMode
GATHERED = 1 << 16


class Offer:
    """The folders that a build may ask for, by the names that Dockerfile frontends give them."""

    def __init__(self, folders: Mapping[str, Folder], git_dir: Path, times: Path, at: int) -> None:
        """Offer them; `times` is the file that keeps when what changed, `at` the commit's time."""
        self._git_dir = git_dir
        self._readers: list[Objects] = []
        self._folders = folders
        versions = {
            f"{name}/{item.path}": item.version
            for name, folder in folders.items()
            for item in folder.items
            if not item.is_folder
        }
        self.stamps = stamped(times, versions, at)

    def asked(self, headers: Mapping[str, list[str]]) -> "Sending | None":
        """Return what answers a request with these headers, None for a folder that is not there."""
        (name,) = headers.get("dir-name", [""])
        folder = self._folders.get(name)
        if folder is None:
            return None
        paths = headers.get("followpaths", [])
        if "followpaths-encoded" in headers:
            paths = [unquote(path) for path in paths]
        # What .dockerignore leaves out is not in the folder: the engine has nothing to ignore.
        narrowed = Folder(()) if paths == [".dockerignore"] else folder.below(paths)
        self._readers.append(Objects(self._git_dir))
        return Sending(narrowed, self.stamps, name, self._readers[-1])

    def close(self) -> None:
        """End what still reads."""
        for reader in self._readers:
            reader.close()


class Sending:
    """One synchronisation. `take` what the engine says, send what `pieces` yields."""

    def __init__(self, folder: Folder, stamps: Stamps, name: str, objects: Objects) -> None:
        self._items = folder.items
        self._stamps = stamps
        self._name = name
        self._objects = objects
        self._wanted: list[int] = []
        self._is_over = False

    def take(self, message: bytes) -> None:
        """Take one packet of the engine."""
        packet = Message.of(message)
        match packet.number(TYPE):
            case kind if kind == IS_REQUEST:
                self._wanted.append(packet.number(ID))
            case kind if kind == IS_FIN:
                self._is_over = True

    def pieces(self) -> Iterator[bytes]:
        """Yield packets as gRPC sends them; an empty piece: the engine has to speak first."""
        yield from _gathered(map(self._stat, self._items))
        yield framed(varint_field(TYPE, IS_STAT))
        while not self._is_over:
            wanted, self._wanted = self._wanted, []
            yield from _gathered(self._contents(wanted))
            if not self._wanted:
                yield b""
        yield framed(varint_field(TYPE, IS_FIN))

    def _stat(self, item: Item) -> bytes:
        kind = GO_LINK if item.is_link else GO_FOLDER if item.is_folder else 0
        mode = 0o777 if item.is_link else item.mode & 0o777
        _, time = self._stamps.files.get(f"{self._name}/{item.path}", ("", self._stamps.last))
        fields = (
            bytes_field(PATH, item.path.encode("utf-8", "surrogateescape"))
            + varint_field(MODE, kind | mode)
            + varint_field(SIZE, item.size)
            + varint_field(TIME, time)
        )
        if item.is_link:
            fields += bytes_field(TARGET, item.link)
        return framed(bytes_field(STAT, fields))

    def _contents(self, wanted: Sequence[int]) -> Iterator[bytes]:
        numbers = {self._items[number].path: number for number in wanted}
        for item, chunks in contents([self._items[number] for number in wanted], self._objects):
            head = varint_field(TYPE, IS_DATA) + varint_field(ID, numbers[item.path])
            for chunk in filter(None, chunks):
                yield framed(head + bytes_field(DATA, chunk))
            yield framed(head)


def framed(message: bytes) -> bytes:
    """Return the message as gRPC sends it: uncompressed, with its length."""
    return b"\0" + len(message).to_bytes(4, "big") + message


def _gathered(messages: Iterable[bytes]) -> Iterator[bytes]:
    """Yield small messages together."""
    waiting = bytearray()
    for message in messages:
        waiting += message
        if len(waiting) >= GATHERED:
            yield bytes(waiting)
            waiting.clear()
    if waiting:
        yield bytes(waiting)
