"""A folder as the engine shall see it: files of ours and of the commit, in the engine's order."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from buildpacks.objects import Objects
from buildpacks.tree import Entry, Tree, mode_of

LINK, FOLDER, KIND = 0o120000, 0o040000, 0o170000


@dataclass(frozen=True, slots=True)
class Item:
    """A file, link or folder with git's mode.

    `content` is ours, or the id of an object of git; `link` is where a symbolic link leads.
    """

    path: str
    mode: int
    size: int = 0
    content: bytes | str = b""
    link: bytes = b""

    @property
    def is_file(self) -> bool:
        """Tell whether it has a content that can be asked for."""
        return not self.is_link and not self.is_folder

    @property
    def is_link(self) -> bool:
        """Tell whether it is a symbolic link."""
        return self.mode & KIND == LINK

    @property
    def is_folder(self) -> bool:
        """Tell whether it is a folder."""
        return self.mode & KIND == FOLDER

    @property
    def version(self) -> str:
        """What differs when the content does."""
        return self.content if isinstance(self.content, str) else sha256(self.content).hexdigest()


class Folder:
    """Items with all their folders, each before what it holds."""

    def __init__(self, items: Iterable[Item]) -> None:
        found: dict[str, Item] = {}
        for item in items:
            for folder in _above(item.path):
                found.setdefault(folder, Item(folder, FOLDER | 0o755))
            found[item.path] = item
        # The engine's order: name by name along the path, not letter by letter.
        self.items = sorted(found.values(), key=lambda item: item.path.split("/"))

    @classmethod
    def of(
        cls,
        own: Mapping[str, bytes],
        tree: Tree,
        entries: Iterable[Entry],
        prefix: str,
        beside: Sequence[Entry] = (),
    ) -> "Folder":
        """Return the folder of our files by path, the commit's entries below prefix, and others."""
        kept = [entry for entry in entries if not entry.is_submodule]
        links = [entry for entry in (*kept, *beside) if entry.is_link]
        targets = dict(zip(links, tree.contents(links), strict=True))
        return cls(
            [Item(path, mode_of(content), len(content), content) for path, content in own.items()]
            + [_item(entry, prefix, targets.get(entry)) for entry in kept]
            + [_item(entry, "", targets.get(entry)) for entry in beside]
        )

    def below(self, paths: Sequence[str]) -> "Folder":
        """Return what a build needs that copies these paths; all where that is not easily said."""
        wanted = [path.strip("/") for path in paths]
        if (
            not wanted
            or not all(wanted)
            or "." in wanted
            or any(set("*?[\\") & set(path) for path in wanted)
            or any(item.is_link for item in self.items)
        ):
            return self
        starts = tuple(f"{path}/" for path in wanted)
        exact = frozenset(wanted)
        return Folder(
            item for item in self.items if item.path in exact or item.path.startswith(starts)
        )


def contents(items: Sequence[Item], objects: Objects) -> Iterator[tuple[Item, Iterator[bytes]]]:
    """Yield each file's content as chunks, to be used up before the next, in any order."""
    for item in items:
        if isinstance(item.content, bytes):
            yield item, iter([item.content])
    stored = [item for item in items if isinstance(item.content, str)]
    yield from zip(stored, objects.stream(str(item.content) for item in stored), strict=True)


def _item(entry: Entry, prefix: str, link: bytes | None) -> Item:
    path = prefix + entry.path
    if link is not None:
        return Item(path, LINK, len(link), entry.oid, link)
    return Item(path, entry.mode, entry.size, entry.oid)


def _above(path: str) -> Iterator[str]:
    end = path.find("/")
    while end >= 0:
        yield path[:end]
        end = path.find("/", end + 1)
