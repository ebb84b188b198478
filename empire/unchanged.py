"""Images that need not be built again: an equal build made them, and they are still there."""

from sqlmodel import Session, col, select

from empire import builds
from empire.manifest import Image
from empire.platform import Known, Platform
from empire.releases import Release
from empire.store import Store


def known_to(store: Store, platform: Platform, app_id: str) -> Known:
    """Return what knows the images of the app's earlier builds."""

    def known(key: str) -> tuple[str, Image] | None:
        with store.reading() as session:
            images = [builds.image_of(build) for build in builds.of_key(session, app_id, key)]
        for image in images:
            if platform.registry.exists(image.ref):
                with store.reading() as session:
                    return _since(session, app_id, image), image
        return None

    return known


def _since(session: Session, app_id: str, image: Image) -> str:
    query = select(Release).where(Release.app_id == app_id, Release.image == image.ref)
    newest = session.exec(query.order_by(col(Release.version).desc()).limit(1)).first()
    return newest.label if newest else "a build that was not released"
