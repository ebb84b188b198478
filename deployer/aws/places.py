"""Where each app is on the load balancers, as the ledger remembers it."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace

from deployer.aws.rules import Rule, slots_of
from empire.ledger import Ledger
from empire.names import AppName

KEY = "load-balancer"
PUBLIC, INTERNAL = "public", "internal"


@dataclass(frozen=True, slots=True)
class Place:
    """One app's target group, rules and records.

    `kind` is public or internal; `health` is what the target group asks for its health, "" while
    there is no target group; `records` are the names that got a record of their own.
    """

    kind: str
    listener: str
    target_group: str = ""
    health: str = ""
    rules: tuple[Rule, ...] = ()
    records: tuple[str, ...] = ()

    def with_rule(self, key: tuple[int, int], rule: Rule | None) -> "Place":
        """Return the place with another rule instead of the one of the key; None takes it out."""
        new = tuple(one if one.key != key else rule for one in self.rules)
        return replace(self, rules=tuple(one for one in new if one))

    @property
    def is_in_maintenance(self) -> bool:
        """Tell whether visitors get a page."""
        return any(rule.page for rule in self.rules)

    def to_text(self) -> str:
        """Return what the ledger keeps."""
        return json.dumps(asdict(self))

    @classmethod
    def of_text(cls, text: str) -> "Place":
        """Return the place that the ledger kept."""
        stored = json.loads(text)
        rules = (Rule(**{**rule, "names": tuple(rule["names"])}) for rule in stored.pop("rules"))
        return cls(**{**stored, "rules": tuple(rules), "records": tuple(stored["records"])})


class Places:
    """The places of all apps. Nothing is kept in memory: other processes change them too."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def of(self, app: AppName) -> Place | None:
        """Return where the app is, if it is anywhere."""
        text = self._ledger.of(app).get(KEY)
        return Place.of_text(text) if text else None

    def all(self) -> dict[AppName, Place]:
        """Return the places of all apps, by handle."""
        texts = self._ledger.texts(KEY)
        return {AppName(app): Place.of_text(text) for app, text in texts.items()}

    def note(self, app: AppName, place: Place) -> None:
        """Remember where the app is."""
        self._ledger.note(app, {KEY: place.to_text()})

    def forget(self, app: AppName) -> None:
        """Forget where the app was."""
        self._ledger.strike(app, [KEY])


@dataclass(frozen=True, slots=True)
class Room:
    """What is taken on one listener: how many target groups and rules, and which slots by band."""

    apps: int
    rules: int
    slots: frozenset[tuple[int, int]]

    def slotted(self, new: Iterable[Rule], refused: Iterable[int] = ()) -> tuple[Rule, ...]:
        """Return the rules with the lowest slots that are free and not refused."""
        taken = set(self.slots)
        made: list[Rule] = []
        for rule in new:
            bad = {slot for band, slot in taken if band == rule.band} | set(refused)
            slot = next(slot for slot in range(slots_of(rule.band)) if slot not in bad)
            made.append(replace(rule, slot=slot))
            taken.add(made[-1].key)
        return tuple(made)


def rooms(places: Iterable[Place]) -> dict[str, Room]:
    """Return what is taken, by listener."""
    apps: Counter[str] = Counter()
    rules: Counter[str] = Counter()
    slots: dict[str, set[tuple[int, int]]] = {}
    for place in places:
        apps[place.listener] += 1
        rules[place.listener] += sum(rule.count for rule in place.rules)
        taken = slots.setdefault(place.listener, set())
        taken |= {(rule.band, rule.slot) for rule in place.rules}
    return {name: Room(apps[name], rules[name], frozenset(slots[name])) for name in slots}


EMPTY = Room(0, 0, frozenset())
