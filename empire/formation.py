"""Formation: how many dynos of each process type, and how large."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import JSON
from sqlmodel import Field, Session, SQLModel, select

from empire.errors import InvalidInput
from empire.manifest import Size
from empire.names import ProcessType
from empire.settings import cores
from empire.store import new_id, store_of

SIZES = {
    "1X": Size("1X", cpus=1.0, memory_mib=512),
    "2X": Size("2X", cpus=2.0, memory_mib=1024),
    "PX": Size("PX", cpus=4.0, memory_mib=8192),
}
_CUSTOM = re.compile(r"(?P<units>\d{1,6}):(?P<amount>\d{1,6})(?P<unit>mb|gb)", re.IGNORECASE)
MIN_MEMORY_MIB = 16
ALL = "*"


class Formation(SQLModel, table=True):
    """Quantity and size of one process type of an app, as they are live or, before that, wished.

    `starts` says of each dyno, by index, which deployment started it.
    """

    __tablename__ = "formation"

    id: str = Field(default_factory=new_id)
    app_id: str = Field(foreign_key="apps.id", primary_key=True)
    type: ProcessType = Field(primary_key=True)
    quantity: int
    size: str
    starts: list[int] = Field(default_factory=list, sa_type=JSON)


@dataclass(frozen=True, slots=True)
class Change:
    """How a deployment changes the formation; what it does not name stays as it is.

    `scales` maps process types to quantity and size. `restarts` names process types or dynos, such
    as web or web.1, or with ALL everything.
    """

    scales: dict[str, tuple[int, str]] = field(default_factory=dict)
    restarts: tuple[str, ...] = ()

    def quantity(self, row: Formation) -> int:
        """Return how many dynos of the row's type there shall be."""
        return self.scales[row.type][0] if row.type in self.scales else row.quantity

    def size(self, row: Formation) -> str:
        """Return how large they shall be."""
        return self.scales[row.type][1] if row.type in self.scales else row.size

    def starts(self, row: Formation, deployment: int) -> tuple[int, ...]:
        """Return which deployment starts each dyno of the type.

        One of another size is another dyno; of the same size those that run go on.
        """
        if self.size(row) != row.size or not {ALL, row.type}.isdisjoint(self.restarts):
            return (deployment,) * self.quantity(row)
        known = [*row.starts, *[deployment] * self.quantity(row)][: self.quantity(row)]
        return tuple(
            deployment if f"{row.type}.{index}" in self.restarts else start
            for index, start in enumerate(known, start=1)
        )

    def described(self) -> str:
        """Return the change in words."""
        scaled = [f"{type_}={quantity}:{size}" for type_, (quantity, size) in self.scales.items()]
        if scaled:
            return f"Scale {', '.join(scaled)}"
        return f"Restart {', '.join(self.restarts) if ALL not in self.restarts else 'all dynos'}"

    def to_json(self) -> str:
        """Return the change as text."""
        return json.dumps({"scales": self.scales, "restarts": self.restarts})

    @classmethod
    def from_json(cls, text: str) -> "Change":
        """Return the change that the text holds."""
        plain = json.loads(text)
        scales = {type_: (quantity, size) for type_, (quantity, size) in plain["scales"].items()}
        return cls(scales, tuple(plain["restarts"]))


ANEW = Change(restarts=(ALL,))  # what a new version does
KEPT = Change()


def of(session: Session, app_id: str) -> dict[ProcessType, Formation]:
    """Return the app's formation by process type."""
    rows = session.exec(
        select(Formation).where(Formation.app_id == app_id).order_by(Formation.type)
    )
    return {row.type: row for row in rows}


def extended(
    session: Session, app_id: str, types: list[ProcessType]
) -> dict[ProcessType, Formation]:
    """Return the formation with a row for each type; new ones get their default quantity.

    The default is Heroku's: one web dyno and none of the others. An app that has no web process
    gets one dyno of its first type, or its first deployment would run nothing.
    """
    known = of(session, app_id)
    size = store_of(session).settings.default_size
    for type_ in types:
        if type_ not in known:
            leads = type_ == "web" or ("web" not in types and not known and type_ == types[0])
            known[type_] = Formation(app_id=app_id, type=type_, quantity=int(leads), size=size)
            session.add(known[type_])
    session.flush()
    return known


Wishes = Mapping[ProcessType, tuple[int | None, str]]
"""Quantity (None: the default) and size (empty: the default) by process type."""


def begun(
    session: Session, app_id: str, types: list[ProcessType], wishes: Wishes
) -> dict[ProcessType, Formation]:
    """Return the formation of an app of which nothing ran yet: as its files wish, else the default.

    Raises InvalidInput for a wish that does not fit on this server.
    """
    for row in of(session, app_id).values():  # of a first version that failed
        session.delete(row)
    session.flush()
    rows = extended(session, app_id, types)
    for type_ in rows.keys() & wishes.keys():
        quantity, size = wishes[type_]
        if quantity is not None:
            rows[type_].quantity = _fitting_quantity(session, type_, quantity)
        rows[type_].size = fitting_size(session, size) if size else rows[type_].size
        session.add(rows[type_])
    session.flush()
    return rows


def fitting_size(session: Session, name: str) -> str:
    """Return the size's name; raises InvalidInput where it is none, or too large for this server."""
    size = size_of(name)
    largest = store_of(session).settings.dyno_memory_max_mib
    if size.memory_mib > largest:
        fitting = [one.name for one in SIZES.values() if one.memory_mib <= largest]
        raise InvalidInput(
            f"A dyno of size {size.name} does not fit on this server.",
            why=f"It has {size.memory_mib} MiB of memory; a dyno may have {largest} MiB.",
            fix=f"Choose {', '.join([*fitting, 'or CPU:MEMORY such as 512:1gb'])}.",
        )
    return size.name


def _fitting_quantity(session: Session, type_: ProcessType, quantity: int) -> int:
    largest = store_of(session).settings.dynos_max
    if quantity > largest:
        raise InvalidInput(
            f"{type_} cannot have {quantity} dynos, as app.json asks.",
            why=f"A process type may have 0 to {largest}.",
            fix="Ask for fewer; the operator sets the limit: EMPIRE_DYNOS_MAX.",
        )
    return quantity


def size_of(name: str) -> Size:
    """Return the size of a name such as 1X, standard-2x or 512:1gb (1024 CPU units are one core).

    The engine refuses more cores than the machine has, so a larger size gets all of them.
    Raises InvalidInput.
    """
    size = SIZES.get(name.upper().removeprefix("STANDARD-")) or _custom(name)
    return Size(size.name, min(size.cpus, float(cores())), size.memory_mib)


def _custom(name: str) -> Size:
    parts = _CUSTOM.fullmatch(name)
    if not parts:
        raise InvalidInput(
            f"{name!r} is not a dyno size.",
            why=f"Sizes are {', '.join(SIZES)} or CPU:MEMORY such as 512:1gb.",
        )
    memory = int(parts["amount"]) * (1024 if parts["unit"].lower() == "gb" else 1)
    cpus = int(parts["units"]) / 1024
    if memory < MIN_MEMORY_MIB or cpus < 0.01:
        raise InvalidInput(
            f"{name!r} is too small for a dyno.",
            why=f"A dyno needs at least {MIN_MEMORY_MIB} MB and 11 CPU units.",
        )
    return Size(name.lower(), cpus, memory)
