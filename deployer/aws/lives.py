"""What was started of each service, and by which deployment: what ECS itself cannot tell."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

KEY = "service/"
"""Before the process type in the ledger."""


@dataclass(frozen=True, slots=True)
class Life:
    """One state that a service was brought to.

    `number` is the deployment of ours that asked for it. `starts` and `versions` say of each dyno,
    by index, which deployment started it and with which release. `ids` are the deployments of ECS
    whose tasks these are, the newest last; none yet means that ECS was not seen to know of it.
    `began_at` is in seconds since the epoch; `start_seconds` is the manifest's.
    """

    number: int
    definition: str
    starts: tuple[int, ...]
    versions: tuple[int, ...]
    size: str = ""
    command: str = ""
    port: int = 0
    capacity: str = ""
    target_group: str = ""
    ids: tuple[str, ...] = ()
    is_up: bool = False
    began_at: float = 0
    start_seconds: float = 0

    @property
    def count(self) -> int:
        """How many tasks there shall be."""
        return len(self.starts)

    def known_as(self, ecs_id: str) -> "Life":
        """Return it with one more deployment of ECS that runs it, as the newest."""
        return replace(self, ids=(*(known for known in self.ids if known != ecs_id), ecs_id))

    def cut(self, count: int) -> "Life":
        """Return it with so many dynos and no more."""
        return replace(self, starts=self.starts[:count], versions=self.versions[:count])


@dataclass(frozen=True, slots=True)
class Record:
    """One service of an app: its lives, the newest last. `is_made` says that ECS has the service."""

    app: str
    process: str
    lives: tuple[Life, ...] = ()
    is_made: bool = False

    @property
    def newest(self) -> Life | None:
        """What the service shall be now."""
        return self.lives[-1] if self.lives else None

    @property
    def before(self) -> Life | None:
        """What the service was before."""
        return self.lives[-2] if len(self.lives) > 1 else None

    def with_newest(self, life: Life) -> "Record":
        """Return it with the newest life replaced."""
        return replace(self, lives=(*self.lives[:-1], life))

    def then(self, life: Life) -> "Record":
        """Return it with one life more."""
        return replace(self, lives=(*self.lives, life))

    def life_of(self, ecs_id: str, definition: str) -> Life | None:
        """Return the newest life that a task belongs to.

        A deployment that ECS made on its own, as when it rolls back, is known by what it runs.
        """
        for life in reversed(self.lives):
            if ecs_id in life.ids:
                return life
        known = {one for life in self.lives for one in life.ids}
        if ecs_id in known:
            return None
        return next((one for one in reversed(self.lives) if one.definition == definition), None)

    def is_newest(self, ecs_id: str, definition: str) -> bool:
        """Tell whether a task belongs to the newest life."""
        return bool(self.lives) and self.life_of(ecs_id, definition) is self.newest

    def to_text(self) -> str:
        """Return what the ledger keeps."""
        return json.dumps({"made": self.is_made, "lives": [asdict(life) for life in self.lives]})


def of_entries(app: str, entries: Mapping[str, str]) -> dict[str, Record]:
    """Return the records of an app, by process type, from its entries in the ledger."""
    return {
        key.removeprefix(KEY): _of_text(app, key.removeprefix(KEY), text)
        for key, text in entries.items()
        if key.startswith(KEY)
    }


def _of_text(app: str, process: str, text: str) -> Record:
    stored = json.loads(text)
    return Record(app, process, tuple(map(_life, stored["lives"])), stored["made"])


def _life(stored: dict[str, object]) -> Life:
    lists = {name: tuple(value) for name, value in stored.items() if isinstance(value, list)}
    return Life(**{**stored, **lists})  # type: ignore[arg-type]
