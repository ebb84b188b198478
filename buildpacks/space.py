"""What builds and their images take up on the engine's disk."""

from collections.abc import Sequence
from typing import Any

from buildpacks import disk
from buildpacks.cache import Caches, records
from empire.disk import Images, Space
from empire.names import AppName


def space(
    found: dict[str, Any], apps: Sequence[AppName], instance: str, caches: Caches, place: disk.Disk
) -> Space:
    """Return the engine's disk usage by app, in bytes."""
    images = found.get("Images") or ()
    cached = records(found)
    sizes = caches.sizes(cached)
    free, total = disk.space(place.folders[0])
    return Space(
        apps={
            app: _images([one for one in images if _is_of(one, app, instance)], sizes.get(app, 0))
            for app in apps
        },
        images_bytes=found.get("LayersSize") or 0,
        cache_bytes=sum(record.size for record in cached),
        free_bytes=free * disk.MIB,
        total_bytes=total * disk.MIB,
    )


def _images(images: Sequence[dict[str, Any]], cache_bytes: int) -> Images:
    shared = [max(image["SharedSize"], 0) for image in images]
    unique = sum(image["Size"] - of for image, of in zip(images, shared, strict=True))
    return Images(len(images), unique, max(shared, default=0), cache_bytes)


def _is_of(image: dict[str, Any], app: AppName, instance: str) -> bool:
    """Tell whether a build of this server made the image for the app, or a release names it."""
    labels = image.get("Labels") or {}
    if (labels.get("empire.app"), labels.get("empire.instance")) == (app, instance):
        return True
    names = image.get("RepoTags") or ()
    return any(
        name.startswith(f"empire.local/{instance}/{app}:") or f"/{app}:{instance}-" in name
        for name in names
    )
