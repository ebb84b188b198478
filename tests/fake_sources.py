"""The fake of empire.platform.Sources."""

import hashlib
from pathlib import Path

from empire.actors import Actor
from empire.manifest import Source
from empire.names import AppName, Sha
from tests.fakes import Scripted


class FakeSources(Scripted):
    """Sources that only remember: `landed[app]` maps a ref to its commit."""

    def __init__(self) -> None:
        super().__init__()
        self.landed: dict[AppName, dict[str, str]] = {}
        self.dropped: list[Source] = []

    def unpack(self, app: AppName, packed: Path, message: str, by: Actor) -> Source:
        self._play("unpack", app)
        digest = hashlib.sha1(packed.read_bytes(), usedforsecurity=False).hexdigest()
        return Source(app, Sha(digest), Sha(digest), packed.parent, message)

    def land(self, source: Source, ref: str) -> None:
        self._play("land", source, ref)
        self.landed.setdefault(source.app, {})[ref] = source.commit

    def drop(self, source: Source) -> None:
        self._play("drop", source)
        self.dropped.append(source)

    def remove(self, app: AppName) -> None:
        self._play("remove", app)
        self.landed.pop(app, None)
