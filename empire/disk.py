"""What takes up the disk: of each app, and of the machine that builds."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sqlmodel import Session, col, select

from empire.apps import App
from empire.deployments import Deployment
from empire.names import AppName
from empire.releases import Release, Status
from empire.store import store_of


@dataclass(frozen=True, slots=True)
class Images:
    """An app's images on the engine that builds, in bytes.

    `shared_bytes` is the most that one of them has in common with other images, its own app's among
    them; `cache_bytes` is what caches of its builds hold as far as the engine lets it be told.
    """

    count: int = 0
    unique_bytes: int = 0
    shared_bytes: int = 0
    cache_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Space:
    """The disk of the engine that builds, in bytes. Free and total are 0 where it is elsewhere."""

    apps: Mapping[AppName, Images] = field(default_factory=dict)
    images_bytes: int = 0
    cache_bytes: int = 0
    free_bytes: int = 0
    total_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Kept:
    """What the server itself keeps of an app: bytes, and how many releases can be gone back to."""

    repository_bytes: int
    logs_bytes: int
    releases: int


def kept(session: Session, app: App) -> Kept:
    """Return what the server keeps of the app on its own disk."""
    settings, journals = store_of(session).settings, store_of(session).journals
    deployed = session.exec(select(Deployment.id).where(Deployment.app_id == app.id))
    logs = size_of(settings.logs / "apps" / app.handle)
    logs += sum(size_of(journals.path(id_)) for id_ in deployed)
    query = select(Release.id).where(
        Release.app_id == app.id, Release.status != Status.FAILED, col(Release.image).is_not(None)
    )
    count = len(session.exec(query.limit(settings.releases_kept)).all())
    return Kept(size_of(settings.repositories / f"{app.handle}.git"), logs, count)


def size_of(path: Path) -> int:
    """Return how many bytes of the disk a file, or all below a folder, take up."""
    try:
        size = _taken(os.lstat(path))
        below = list(os.scandir(path)) if path.is_dir() and not path.is_symlink() else []
    except OSError:  # not there, or not there any more
        return 0
    return size + sum(size_of(Path(entry.path)) for entry in below)


def _taken(found: os.stat_result) -> int:
    return found.st_blocks * 512
