"""/apps/{app}/releases: list and show."""

from fastapi import APIRouter

from apiserver import shapes
from apiserver.apps import reference
from apiserver.calls import Asked, Identity
from apiserver.ranges import Paged
from empire import releases
from empire.access import Permission
from empire.apps import App
from empire.releases import Release, Status

router = APIRouter(prefix="/apps/{app}/releases")


@router.get("")
def list_releases(call: Asked, page: Paged, app: Identity) -> list[shapes.Release]:
    """Return the app's releases."""
    with call.store.reading() as session:
        found = call.app(session, app, Permission.VIEW)
        running = releases.current(session, found.id)
        all_ = [_shaped(made, found, running) for made in releases.of_app(session, found.id)]
    return page.of(all_, "version", "id")


@router.get("/{release}")
def show_release(call: Asked, app: Identity, release: Identity) -> shapes.Release:
    """Return the release with the version or id."""
    with call.store.reading() as session:
        found = call.app(session, app, Permission.VIEW)
        made = releases.find(session, found.id, release)
        return _shaped(made, found, releases.current(session, found.id))


def _shaped(release: Release, app: App, running: Release) -> shapes.Release:
    slug = shapes.slug_of(release.image)
    is_good = release.status == Status.SUCCEEDED and release.image is not None
    return shapes.Release(
        id=release.id,
        version=release.version,
        app=reference(app),
        description=release.description,
        status=release.status,
        user=shapes.Person(id=release.user_id, email=release.email),
        slug=slug,
        artifacts=[shapes.Artifact(id=slug.id)] if slug else [],
        current=release.id == running.id,
        eligible_for_rollback=is_good and release.id != running.id,
        created_at=release.created_at,
        updated_at=release.updated_at,
    )
