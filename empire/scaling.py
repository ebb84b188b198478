"""What people ask of the formation: resolved against what is there, checked, and submitted."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sqlmodel import Session

from empire import deployments, formation, line, releases
from empire.actors import Actor
from empire.apps import App
from empire.deployments import Deployment, Kind
from empire.errors import InvalidInput, NotFound
from empire.formation import ALL, Change
from empire.names import ProcessType, shown
from empire.store import store_of

_QUANTITY = re.compile(r"[+-]?\d{1,9}")

Wished = dict[ProcessType, tuple[int, str]]
"""Quantity and size by process type."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What shall become of one process type; what is None stays as it is.

    A quantity with a sign, such as +1, counts from what is live or on its way.
    """

    type: str
    quantity: str | None = None
    size: str | None = None


def wished(session: Session, app: App) -> Wished:
    """Return the formation with the changes that are still on their way."""
    processes = releases.newest(session, app.id).processes
    rows = formation.of(session, app.id)
    found = {type_: (row.quantity, row.size) for type_, row in rows.items() if type_ in processes}
    moving = deployments.open_of(session, app.id)
    for scaling in [d for d in moving if d.kind == Kind.SCALE and not d.is_cancelled]:
        scales = deployments.formation_change_of(session, scaling).scales
        found |= {ProcessType(type_): wish for type_, wish in scales.items() if type_ in found}
    return found


def scale(session: Session, app: App, wishes: Sequence[Wish], *, by: Actor) -> Deployment | None:
    """Return the deployment that scales the app, or None when all is so already.

    Raises NotFound for an unknown process type, InvalidInput for an impossible quantity or size,
    Conflict when the app has no version yet.
    """
    session.refresh(app, with_for_update=True)  # of two relative wishes the second sees the first
    known = _runnable(session, app)
    scales: dict[str, tuple[int, str]] = {}
    for wish in wishes:
        type_ = _known_type(app, known, wish.type)
        quantity, size = scales.get(type_, known[type_])
        if wish.quantity is not None:
            quantity = _quantity(session, type_, quantity, wish.quantity)
        if wish.size is not None:
            size = formation.fitting_size(session, wish.size)
        scales[type_] = (quantity, size)
    changed = {type_: wish for type_, wish in scales.items() if wish != known[ProcessType(type_)]}
    if not changed:
        return None
    return line.submit_formation(session, app, Change(scales=changed), by=by)


def restart(session: Session, app: App, what: str = "", *, by: Actor) -> Deployment | None:
    """Return the deployment that restarts everything, a process type, or a dyno such as web.1.

    None comes back when nothing of it runs. Raises NotFound for what the app does not have,
    Conflict when it has no version yet.
    """
    known = _runnable(session, app)
    type_, dot, index = what.partition(".")
    if not what:
        is_running = any(quantity for quantity, _ in known.values())
    else:
        quantity, _ = known[_known_type(app, known, type_)]
        if dot and index not in map(str, range(1, quantity + 1)):
            raise NotFound(
                f"{app.name} has no dyno {shown(what)}.", fix="`empire ps` lists those that run."
            )
        is_running = quantity > 0
    if not is_running:
        return None
    return line.submit_formation(session, app, Change(restarts=(what or ALL,)), by=by)


def _runnable(session: Session, app: App) -> Wished:
    if known := wished(session, app):
        return known
    raise releases.none_to_run(app)


def _known_type(app: App, known: Wished, name: str) -> ProcessType:
    for type_ in known:
        if type_ == name:
            return type_
    raise NotFound(
        f"{app.name} has no process type {shown(name)}.",
        why=f"It has {', '.join(known)}.",
        fix="The Procfile names the process types; a push brings them.",
    )


def _quantity(session: Session, type_: ProcessType, present: int, text: str) -> int:
    if not _QUANTITY.fullmatch(text):
        raise InvalidInput(
            f"{shown(text)} is not a quantity of dynos.", fix=f"Write {type_}=3, or {type_}=+1."
        )
    quantity = present + int(text) if text[0] in "+-" else int(text)
    largest = store_of(session).settings.dynos_max
    if not 0 <= quantity <= largest:
        raise InvalidInput(
            f"{type_} cannot have {quantity} dynos.",
            why=f"It has {present}; a process type may have 0 to {largest}.",
            fix="The operator sets the limit: EMPIRE_DYNOS_MAX." if quantity > 0 else "",
        )
    return quantity
