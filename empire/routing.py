"""Which dynos the router sends an app's requests to. Whoever changes that takes turns on the app."""

from sqlmodel import select

from empire import apps, manifests
from empire.apps import App
from empire.manifest import Manifest, Target
from empire.names import AppName
from empire.platform import Platform
from empire.store import Store


def refresh(store: Store, platform: Platform, handle: AppName) -> None:
    """Let the router follow what is live of the app: its dynos, its name, its maintenance."""
    with store.reading() as session:
        app = session.exec(select(App).where(App.handle == handle)).first()
    if app is None or app.is_leaving:
        return
    with store.turns.of(app.id):
        with store.reading() as session:
            live = manifests.live(session, app)
        if live:
            switch(store, platform, app, targets_of(platform, live))


def switch(store: Store, platform: Platform, app: App, targets: tuple[Target, ...]) -> None:
    """Send the app's requests to the targets. To be called in the app's turn."""
    with store.reading() as session:
        row = session.get_one(App, app.id)
        hostnames = apps.hostnames(session, row)
    platform.router.switch(row.handle, hostnames, targets, row.is_in_maintenance)


def targets_of(platform: Platform, manifest: Manifest | None) -> tuple[Target, ...]:
    """Return where the web dynos of the manifest take requests now."""
    if manifest is None:
        return ()
    dynos = platform.scheduler.dynos(manifest.app)
    return tuple(d.target for d in dynos if manifest.holds(d) and d.target and d.state == "up")
