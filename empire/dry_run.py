"""What a push would do: the very acts of a deployment, in a transaction that is thrown away.

Nothing is built, started, routed or written down.
"""

from collections.abc import Iterator

from sqlmodel import Session

from empire import access, apps, deployments, one_offs, releases, unchanged
from empire.access import Permission
from empire.actors import Actor
from empire.apps import App
from empire.errors import NotFound
from empire.events import Event, Line, Stage
from empire.manifest import UNBUILT, Image, Source
from empire.names import AppName
from empire.platform import IsCancelled, Platform, nothing_known
from empire.releases import Release, Status
from empire.store import Store

OWN = "(the image's own command)"


def dry_run(
    store: Store,
    platform: Platform,
    name: AppName,
    source: Source,
    is_cancelled: IsCancelled,
    *,
    is_fresh: bool = False,
    by: Actor,
) -> Iterator[Event]:
    """Yield what would happen. Raises what would refuse the push before anything is built."""
    with store.trying() as session:
        app, is_new = _app(session, name, by)
        config = releases.config_of(session, releases.newest(session, app.id))
    if is_new:
        yield Stage(f"Would create the app {name}")
    known = nothing_known if is_fresh else unchanged.known_to(store, platform, app.id)
    try:
        image = yield from platform.builder.forecast(source, is_cancelled, config, known)
    finally:
        if is_new:
            platform.builder.remove(source.app)
    if is_fresh:
        yield Line("It would be built without any cache")
    with store.trying() as session:
        told = list(_told(session, platform, _app(session, name, by)[0], image, source, by))
    yield from told


def would_be(store: Store, name: AppName, *, by: Actor) -> App:
    """Return the app, or as it would be if it were made now: its handle is nobody's then."""
    with store.trying() as session:
        return _app(session, name, by)[0]


def _app(session: Session, name: AppName, by: Actor) -> tuple[App, bool]:
    try:
        return access.require(session, by, name, Permission.DEPLOY), False
    except NotFound:
        return apps.create(session, name, by=by), True


def _told(
    session: Session, platform: Platform, app: App, image: Image, source: Source, by: Actor
) -> Iterator[Event]:
    before = _before(session, app)
    text = f"Deploy {source.commit[:8]}: {source.subject}".removesuffix(": ")
    made = releases.of_image(session, app, image, text, source.commit, by=by)
    yield Stage(f"Would release {made.label} of {app.name}")
    for other in deployments.open_of(session, app.id):
        yield Line(f"Would wait for {other.told()}; the number may then be another")
    yield Line(f"Description: {text}")
    command = one_offs.command_of_release_phase(session, made, image.postdeploy)
    yield Line(f"Release phase: {command or 'none'}")
    config = releases.config_of(session, made)
    yield Line(f"Config vars: {', '.join(sorted(config)) or 'none'}")
    if not image.processes:
        yield Line("Process types: the build itself makes them known")
        return
    yield Stage("Would start")
    yield from map(Line, _formation(made))
    yield Stage("Would route")
    yield from map(Line, _routes(session, platform, app, made))
    if before:
        yield Stage(f"Would differ from {before.label}, which is live")
        yield from map(Line, _differences(session, before, made))


def _before(session: Session, app: App) -> Release | None:
    """Return the release that runs; None where none does."""
    ran = releases.of_app(session, app.id)
    found = (release for release in ran if release.status == Status.SUCCEEDED)
    return next((release for release in found if release.image), None)


def _formation(made: Release) -> Iterator[str]:
    for type_, (quantity, size) in made.quantities.items():
        yield f"{type_}={quantity}:{size} {made.processes[type_] or OWN}"


def _routes(session: Session, platform: Platform, app: App, made: Release) -> Iterator[str]:
    if not made.quantities.get("web", [0])[0]:
        yield "nothing: no web dyno would run"
        return
    for hostname in apps.hostnames(session, app):
        yield f"{platform.router.url(hostname)} to web"
    if app.is_in_maintenance:
        yield "Maintenance is on: requests get a page and no dyno sees them"


def _differences(session: Session, before: Release, made: Release) -> Iterator[str]:
    changed = releases.diff(session, before, made)
    if not changed:
        yield "in nothing"
    for name, (was, becomes) in changed.items():
        yield f"{name}: {_short(name, was)} -> {_short(name, becomes)}"


def _short(name: str, value: str) -> str:
    if value == UNBUILT:
        return "a new one"
    if name == "commit":
        return value[:8] or "none"
    return value.rpartition("sha256:")[2][:12] if name == "image" else value or "none"
