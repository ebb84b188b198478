"""One git command of one person on one app, with everything that it needs."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from paramiko.channel import Channel

from empire.actors import Actor
from empire.names import AppName
from empire.platform import Platform
from empire.settings import Settings
from empire.store import Store
from gitserver.repositories import Repositories
from gitserver.transport import SshTransport


@dataclass(slots=True)
class Activity:
    """What a connection does, to tell a client that is slow from one that is gone."""

    moved_at: float = field(default_factory=time.monotonic)
    _working: set[object] = field(default_factory=set)

    @property
    def is_working(self) -> bool:
        """Tell whether a client waits for us."""
        return bool(self._working)

    def touch(self) -> None:
        """Note that something went out."""
        self.moved_at = time.monotonic()

    @contextmanager
    def working(self) -> Iterator[None]:
        """Mark a time in which the client waits for us and may be silent."""
        mark = object()
        self._working.add(mark)
        try:
            yield
        finally:
            self._working.discard(mark)
            self.touch()


@dataclass(frozen=True, slots=True)
class Door:
    """What every connection of a server shares."""

    settings: Settings
    store: Store
    repositories: Repositories
    platform: Platform


@dataclass(frozen=True, slots=True)
class Call:
    """One command. `protocol` is the client's GIT_PROTOCOL."""

    door: Door
    app: AppName
    actor: Actor
    transport: SshTransport
    channel: Channel
    activity: Activity
    protocol: str = ""
