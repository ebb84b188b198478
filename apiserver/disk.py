"""/disk and /apps/{app}/disk: what takes up the disk. Our own: Heroku has none."""

from fastapi import APIRouter
from pydantic import BaseModel

from apiserver.calls import Asked, Call, Identity
from empire import apps
from empire.access import Permission
from empire.apps import App
from empire.disk import Images, Kept, Space, kept

MIB = 1 << 20

router = APIRouter()


class AppDisk(BaseModel):
    """What one app takes up. The images' shared bytes are counted for each app that shares them."""

    app: str
    images: int
    images_unique_bytes: int
    images_shared_bytes: int
    releases_kept: int
    repository_bytes: int
    logs_bytes: int
    cache_bytes: int


class Disk(BaseModel):
    """The machine's disk, what builds may use of it, and what the person's apps take up."""

    free_bytes: int
    total_bytes: int
    reserve_bytes: int
    images_bytes: int
    cache_bytes: int
    cache_max_bytes: int
    cache_max_bytes_per_app: int
    logs_max_bytes_per_app: int
    apps: list[AppDisk]


@router.get("/disk")
def show_disk(call: Asked) -> Disk:
    """Return what takes up the disk: of the machine, and of each app that the person may see."""
    with call.store.reading() as session:
        found = [(app, kept(session, app)) for app in apps.visible_to(session, call.actor)]
    return _shape(call, found)


@router.get("/apps/{app}/disk")
def show_disk_of_app(call: Asked, app: Identity) -> Disk:
    """Return the same of one app."""
    with call.store.reading() as session:
        found = call.app(session, app, Permission.VIEW)
        stored = kept(session, found)
    return _shape(call, [(found, stored)])


def _shape(call: Call, found: list[tuple[App, Kept]]) -> Disk:
    settings = call.door.settings
    space = call.platform.builder.space([app.handle for app, _ in found])
    return Disk(
        free_bytes=space.free_bytes,
        total_bytes=space.total_bytes,
        reserve_bytes=settings.disk_reserve_mib * MIB,
        images_bytes=space.images_bytes,
        cache_bytes=space.cache_bytes,
        cache_max_bytes=settings.build_cache_max_mib * MIB,
        cache_max_bytes_per_app=settings.build_cache_max_mib_per_app * MIB,
        logs_max_bytes_per_app=settings.logs_max_mib_per_app * MIB,
        apps=[_app(app, stored, space) for app, stored in found],
    )


def _app(app: App, stored: Kept, space: Space) -> AppDisk:
    images = space.apps.get(app.handle, Images())
    return AppDisk(
        app=app.name,
        images=images.count,
        images_unique_bytes=images.unique_bytes,
        images_shared_bytes=images.shared_bytes,
        releases_kept=stored.releases,
        repository_bytes=stored.repository_bytes,
        logs_bytes=stored.logs_bytes,
        cache_bytes=images.cache_bytes,
    )
