"""Releases: immutable, numbered, each the image, config and formation that an app ran with."""

import json
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, TypeVar

from sqlalchemy import JSON, UniqueConstraint
from sqlmodel import Field, Session, SQLModel, col, select
from sqlmodel.sql.expression import SelectOfScalar

from empire import formation
from empire.actors import Actor
from empire.errors import Conflict, NotFound
from empire.manifest import Image
from empire.names import ImageRef, shown, whole_number
from empire.secrets import Secret
from empire.store import UtcDateTime, new_id, now, store_of, stored

if TYPE_CHECKING:
    from empire.apps import App

T = TypeVar("T")

CARRIED = ("image", "processes", "health_path", "start_seconds", "release_command", "commit")


class Status(StrEnum):
    """How a release ended: Heroku's words (platform API schema, release.status)."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class Release(SQLModel, table=True):
    """Version n of an app. Only `status` and `updated_at` ever change.

    `config` is the sealed JSON object of all config vars; `processes` maps types to commands;
    `quantities` maps types to [quantity, size] as they were when the release was made.
    """

    __tablename__ = "releases"
    __table_args__ = (UniqueConstraint("app_id", "version"),)

    id: str = Field(default_factory=new_id, primary_key=True)
    app_id: str = Field(foreign_key="apps.id", index=True)
    version: int
    status: Status = Field(default=Status.PENDING, sa_type=stored(Status))
    description: str
    image: ImageRef | None = None
    processes: dict[str, str] = Field(default_factory=dict, sa_type=JSON)
    quantities: dict[str, list[int | str]] = Field(default_factory=dict, sa_type=JSON)
    health_path: str | None = None
    start_seconds: float = 0
    release_command: str | None = None
    config: bytes
    commit: str = ""
    user_id: str
    email: str
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    updated_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)

    @property
    def label(self) -> str:
        """The version as people write it, such as v12."""
        return f"v{self.version}"


def begin(session: Session, app: "App", *, by: Actor) -> Release:
    """Return the first release of a new app: no image, no config."""
    release = _next(session, app, "Initial release", by)
    release.status = Status.SUCCEEDED
    release.config = _sealed(session, {})
    return _added(session, release)


def of_image(
    session: Session, app: "App", image: Image, description: str, commit: str, *, by: Actor
) -> Release:
    """Return a new release of the image with the app's config and formation.

    The first that can run has the formation that the app's files wish. Raises InvalidInput where
    that does not fit on this server.
    """
    release = _next(session, app, description, by)
    if has_run(session, app.id):
        formation.extended(session, app.id, list(image.processes))
    else:
        formation.begun(session, app.id, list(image.processes), image.formation)
    release.image = image.ref
    release.processes = {str(type_): line for type_, line in image.processes.items()}
    release.health_path = image.health_path
    release.start_seconds = image.start_seconds
    release.release_command = image.release_command
    release.config = _sealed(session, config_of(session, newest(session, app.id)))
    release.commit = commit
    return _added(session, release)


def of_config(
    session: Session, app: "App", config: dict[str, Secret], description: str, *, by: Actor
) -> Release:
    """Return a new release of the newest image with another config.

    Where there is no image yet nothing has to be started, and the release succeeds at once.
    """
    last = newest(session, app.id)
    release = _next(session, app, description, by)
    for name in CARRIED:
        setattr(release, name, getattr(last, name))
    release.config = _sealed(session, config)
    release.status = Status.PENDING if last.image else Status.SUCCEEDED
    return _added(session, release)


def of_rollback(
    session: Session, app: "App", to: Release, description: str, *, by: Actor
) -> Release:
    """Return a new release with image, processes and config of an earlier one."""
    release = _next(session, app, description, by)
    for name in (*CARRIED, "config"):
        setattr(release, name, getattr(to, name))
    return _added(session, release)


def diff(session: Session, old: Release, new: Release) -> dict[str, tuple[str, str]]:
    """Return what differs between two releases, as it was and as it is; config vars by name only."""
    before, after = _shown(session, old), _shown(session, new)
    names = [*before, *(name for name in after if name not in before)]
    found = {name: (before.get(name, ""), after.get(name, "")) for name in names}
    changed = {name: pair for name, pair in found.items() if pair[0] != pair[1]}
    return {
        name: (
            "set" if pair[0] else "",
            "changed" if pair[0] and pair[1] else "set" if pair[1] else "",
        )
        if name.startswith("config ")
        else pair
        for name, pair in changed.items()
    }


def finish(session: Session, release: Release, status: Status) -> None:
    """Write down how the release ended."""
    release.status = status
    release.updated_at = now()
    session.add(release)


def of_app(session: Session, app_id: str) -> list[Release]:
    """Return the app's releases, newest first."""
    query = select(Release).where(Release.app_id == app_id)
    return list(session.exec(query.order_by(col(Release.version).desc())))


def find(session: Session, app_id: str, name: str) -> Release:
    """Return the release by id, version number or label such as v12; raises NotFound."""
    version = whole_number(name.removeprefix("v"))
    query = select(Release).where(Release.app_id == app_id)
    query = query.where(Release.id == name if version is None else Release.version == version)
    release = session.exec(query).first()
    if not release:
        raise NotFound(f"There is no release {shown(name)}.", fix="`empire releases` lists them.")
    return release


def newest(session: Session, app_id: str) -> Release:
    """Return the newest release that did not fail: what the next one builds on."""
    query = select(Release).where(Release.app_id == app_id, Release.status != Status.FAILED)
    return session.exec(_last(query)).first() or _gone(app_id)


def current(session: Session, app_id: str) -> Release:
    """Return the newest release that succeeded: what runs."""
    query = select(Release).where(Release.app_id == app_id, Release.status == Status.SUCCEEDED)
    return session.exec(_last(query)).first() or _gone(app_id)


def has_run(session: Session, app_id: str) -> bool:
    """Tell whether any version of the app was live."""
    query = select(Release).where(Release.app_id == app_id, Release.status == Status.SUCCEEDED)
    return session.exec(query.where(col(Release.image).is_not(None)).limit(1)).first() is not None


def config_of(session: Session, release: Release) -> dict[str, Secret]:
    """Return the release's config vars."""
    plain = json.loads(store_of(session).vault.unseal(release.config).reveal())
    return {name: Secret(value) for name, value in plain.items()}


def kept_images(session: Session, app_id: str, count: int) -> frozenset[ImageRef]:
    """Return the images of the newest `count` releases that ran, and of those still on their way."""
    query = select(Release.image).where(
        Release.app_id == app_id, Release.status != Status.FAILED, col(Release.image).is_not(None)
    )
    query = query.order_by(col(Release.version).desc()).limit(count)
    return frozenset(ImageRef(image) for image in session.exec(query) if image)


def _last(query: SelectOfScalar[T]) -> SelectOfScalar[T]:
    return query.order_by(col(Release.version).desc()).limit(1)


def _next(session: Session, app: "App", description: str, by: Actor) -> Release:
    query = select(Release.version).where(Release.app_id == app.id)
    last = session.exec(_last(query)).first() or 0
    return Release(
        app_id=app.id,
        version=last + 1,
        description=description,
        config=b"",
        user_id=by.user_id,
        email=by.email,
    )


def _added(session: Session, release: Release) -> Release:
    rows = formation.of(session, release.app_id)
    release.quantities = {
        str(type_): [row.quantity, row.size]
        for type_, row in rows.items()
        if type_ in release.processes
    }
    session.add(release)
    session.flush()
    return release


def _shown(session: Session, release: Release) -> dict[str, str]:
    return {
        "image": release.image or "",
        "commit": release.commit,
        **{
            f"process {type_}": line or "(the image's own)"
            for type_, line in release.processes.items()
        },
        **{
            f"formation {type_}": f"{wish[0]}:{wish[1]}"
            for type_, wish in release.quantities.items()
        },
        **{
            f"config {name}": value.reveal() or "(empty)"
            for name, value in config_of(session, release).items()
        },
    }


def _sealed(session: Session, config: dict[str, Secret]) -> bytes:
    plain = {name: value.reveal() for name, value in config.items()}
    return store_of(session).vault.seal(Secret(json.dumps(plain)))


def _gone(app_id: str) -> Release:
    raise NotFound("The app is gone.", why=f"It has no release any more ({app_id}).")


def none_to_run(app: "App") -> Conflict:
    """Return the error for an app of which no version could run."""
    return Conflict(
        f"{app.name} has no version that could run.", fix="Push one: git push empire main"
    )
