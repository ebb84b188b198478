"""/apps/{app}/dynos: running a command, as a dyno of its own or inside one."""

from collections.abc import Callable

from fastapi import APIRouter
from pydantic import BaseModel, Field

from apiserver import dynos, shapes
from apiserver.calls import Asked, Call, Identity
from empire import one_offs, releases
from empire.access import Permission
from empire.apps import App
from empire.errors import NotFound
from empire.manifest import Dyno, OneOff
from empire.one_offs import Wish
from empire.platform import Duplex
from empire.secrets import Secret

router = APIRouter(prefix="/apps/{app}/dynos")


class InsideWish(BaseModel):
    """A command for a running dyno."""

    command: str
    env: dict[str, str] = {}
    force_no_tty: bool | None = None

    @property
    def secrets(self) -> dict[str, Secret]:
        """The environment, as it is kept."""
        return {name: Secret(value) for name, value in self.env.items()}


class DynoWish(InsideWish):
    """A command for a dyno of its own; its type is always run."""

    attach: bool | None = None
    size: str | None = None
    type: str | None = None
    time_to_live: int | None = Field(default=None, gt=0)


@router.post("", status_code=201)
def run(call: Asked, app: Identity, wish: DynoWish) -> shapes.Dyno:
    """Run a command. One that is attached starts when somebody reads at its `attach_url`."""
    with call.store.reading() as session:
        found = call.app(session, app, Permission.OPERATE)
    # In turn: nobody else may take the name between the look and the making.
    with call.store.turns.of(f"one-offs of {found.id}"):
        taken = {run.dyno.name for run in call.platform.one_offs.runs(found.handle)}
        with call.store.writing() as session:
            found = call.app(session, app, Permission.OPERATE)
            one_off = one_offs.ordered(session, found, _ordered(wish), taken, by=call.actor)
        call.platform.one_offs.create(one_off)
    made = _run_of(call, one_off)
    if not one_off.is_attached:
        _start(call, one_off)
        return _shaped(call, found, made)
    handle, name, port = one_off.app, one_off.name, call.platform.one_offs
    return _offered(
        call, found, made, lambda: port.attach(handle, name), lambda: port.remove(handle, name)
    )


@router.post("/{dyno}", status_code=201)
def run_inside(call: Asked, app: Identity, dyno: Identity, wish: InsideWish) -> shapes.Dyno:
    """Run a command inside a running dyno; it starts when somebody reads at the `attach_url`."""
    with call.store.reading() as session:
        found = call.app(session, app, Permission.OPERATE)
    meant = _running(call, found, dyno)
    with call.store.writing() as session:
        found = call.app(session, app, Permission.OPERATE)
        command = one_offs.ordered_inside(
            session, found, meant.name, wish.command, wish.secrets, by=call.actor
        )
    scheduler, has_terminal = call.platform.scheduler, not wish.force_no_tty
    return _offered(
        call,
        found,
        meant,
        lambda: scheduler.enter(meant, command, wish.secrets, has_terminal),
        lambda: None,
    )


def _ordered(wish: DynoWish) -> Wish:
    is_attached = bool(wish.attach)
    return Wish(
        command=wish.command,
        env=wish.secrets,
        size=wish.size or "",
        is_attached=is_attached,
        has_terminal=is_attached and not wish.force_no_tty,
        seconds=wish.time_to_live or 0,
    )


def _start(call: Call, one_off: OneOff) -> None:
    try:
        call.platform.one_offs.start(one_off.app, one_off.name)
    except BaseException:
        call.platform.one_offs.remove(one_off.app, one_off.name)
        raise


def _run_of(call: Call, one_off: OneOff) -> Dyno:
    for found in call.platform.one_offs.runs(one_off.app):
        if found.dyno.name == one_off.name:
            return found.dyno
    raise _missing(one_off.name)


def _running(call: Call, app: App, name: str) -> Dyno:
    """Return the newest running dyno of the name or id."""
    one_off = [run.dyno for run in call.platform.one_offs.runs(app.handle)]
    for dyno in reversed([*one_off, *call.platform.scheduler.dynos(app.handle)]):
        is_meant = name in (dyno.name, shapes.stable_id("dyno", dyno.id))
        if is_meant and dyno.state in ("up", "starting"):
            return dyno
    raise _missing(name)


def _offered(
    call: Call, app: App, dyno: Dyno, open_: Callable[[], Duplex], forget: Callable[[], None]
) -> shapes.Dyno:
    ticket = call.door.attachments.offer(open_, forget)
    made = _shaped(call, app, dyno)
    made.attach_url = call.url(f"/attach/{ticket}")
    return made


def _shaped(call: Call, app: App, dyno: Dyno) -> shapes.Dyno:
    with call.store.reading() as session:
        release = releases.find(session, app.id, str(dyno.version))
    return dynos.shaped(dyno, app, release.id)


def _missing(name: str) -> NotFound:
    return NotFound(f"There is no dyno {name!r} that runs.", fix="`empire ps` lists them.")
