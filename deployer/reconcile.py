"""Brings what runs back in line with what is written: at the server's start and when dynos change."""

import threading
from collections.abc import Iterator

import structlog
from sqlmodel import select

from empire import manifests, remains, routing
from empire.apps import App
from empire.deployments import Step
from empire.errors import EmpireError
from empire.manifest import Dyno, Manifest
from empire.names import AppName
from empire.platform import Platform
from empire.store import Store

log = structlog.get_logger()

RETRY_SECONDS = 1.0  # after which a route that could not be set is tried again


def reconcile(store: Store, platform: Platform) -> list[threading.Thread]:
    """Stop dynos that nobody knows, route to what is live, and start what is missing of it.

    To be called before the worker starts; deployments under way are left to it. Returns the threads
    that start missing dynos: apps that run already must not wait for those that do not come up.
    """
    running = platform.scheduler.dynos()
    known = _apps(store)
    for name in sorted({dyno.app for dyno in running} - set(known)):
        platform.scheduler.stop(name)
    return [
        thread
        for app in known.values()
        if (thread := _reconcile_app(store, platform, app, running)) is not None
    ]


def _reconcile_app(
    store: Store, platform: Platform, app: App, running: list[Dyno]
) -> threading.Thread | None:
    mine = [dyno for dyno in running if dyno.app == app.handle]
    with store.reading() as session:
        live = manifests.live(session, app)
        unsettled = remains.unsettled_of(session, app.id)
    for number in _unknown(mine, live) - {deployment.number for deployment in unsettled}:
        platform.scheduler.stop(app.handle, number)
    if live is None:
        return None
    # What one that went live replaced drains until that one is settled; settling stops all of it.
    if not any(deployment.step == Step.LIVE for deployment in unsettled):
        platform.scheduler.retire(live)
    routing.refresh(store, platform, app.handle)
    # One that is only starting was left by a server that was bringing it back.
    there = [dyno for dyno in mine if live.holds(dyno) and dyno.state != "starting"]
    if len(there) >= len(live.places()):
        return None
    thread = threading.Thread(target=_bring_back, args=(store, platform, app, live), daemon=True)
    thread.start()
    return thread


def _bring_back(store: Store, platform: Platform, app: App, manifest: Manifest) -> None:
    def is_passed() -> bool:
        with store.reading() as session:
            return remains.live_number(session, app.id) != manifest.deployment

    try:
        for _ in platform.scheduler.start(manifest, is_passed):
            pass
        if is_passed():  # by a newer version, which retired what it saw of this one
            with store.reading() as session:
                newer = manifests.live(session, app)
            if newer:
                platform.scheduler.retire(newer)
        else:
            platform.scheduler.keep(manifest)
        routing.refresh(store, platform, manifest.app)
    except EmpireError as error:
        log.warning("app could not be brought back", app=manifest.app, error=str(error))
    except Exception:
        log.exception("app could not be brought back", app=manifest.app)


def _unknown(running: list[Dyno], live: Manifest | None) -> set[int]:
    """Return the deployments whose dynos nothing that is written explains."""
    newest = live.deployment if live else 0
    return {dyno.deployment for dyno in running if dyno.deployment > newest}


def _apps(store: Store) -> dict[AppName, App]:
    with store.reading() as session:
        return {AppName(app.handle): app for app in session.exec(select(App))}


class RouteKeeper:
    """Refreshes the routes of apps whose dynos changed, in one thread, however many changes come."""

    def __init__(self, store: Store, platform: Platform) -> None:
        self._store = store
        self._platform = platform
        self._changed: set[AppName] = set()
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="route-keeper", daemon=True)

    def start(self) -> None:
        """Begin to refresh."""
        self._thread.start()

    def stop(self) -> None:
        """End after what is under way."""
        self._stopping.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(5)

    def changed(self, app: AppName) -> None:
        """Ask for a refresh of the app's route."""
        self._changed.add(app)
        self._wake.set()

    def _loop(self) -> None:
        while not self._stopping.is_set():
            self._wake.wait()
            self._wake.clear()
            failed = {app for app in self._taken() if not self._refreshed(app)}
            if failed:
                self._stopping.wait(RETRY_SECONDS)
                self._changed |= failed
                self._wake.set()

    def _taken(self) -> Iterator[AppName]:
        while self._changed:
            yield self._changed.pop()

    def _refreshed(self, app: AppName) -> bool:
        try:
            routing.refresh(self._store, self._platform, app)
        except Exception:
            log.exception("route could not be refreshed", app=app)
            return False
        return True
