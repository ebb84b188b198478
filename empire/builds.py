"""Builds: one attempt each to turn a source into an image. The output is the deployment's journal."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import JSON
from sqlmodel import Field, Session, SQLModel, col, select

from empire.errors import NotFound
from empire.manifest import Image
from empire.names import ImageRef, ProcessType
from empire.store import UtcDateTime, now, stored


class BuildStatus(StrEnum):
    """Heroku's words (platform API schema, build.status)."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class Build(SQLModel, table=True):
    """A build. Its id is its deployment's id, which is also the name of its output's journal.

    `key` stands for all that decides what the image has: equal keys, equal images.
    """

    __tablename__ = "builds"

    id: str = Field(primary_key=True)
    app_id: str = Field(foreign_key="apps.id", index=True)
    commit: str
    user_id: str
    email: str
    status: BuildStatus = Field(default=BuildStatus.PENDING, sa_type=stored(BuildStatus))
    image: ImageRef | None = None
    processes: dict[str, str] = Field(default_factory=dict, sa_type=JSON)
    health_path: str | None = None
    start_seconds: float = 0
    release_command: str | None = None
    size_bytes: int = 0
    buildpack: str = ""
    formation: dict[str, list[int | str | None]] = Field(default_factory=dict, sa_type=JSON)
    postdeploy: str = ""
    key: str = ""
    release_id: str | None = None
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    updated_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)


def succeed(session: Session, build: Build, image: Image) -> None:
    """Write down what the build made."""
    build.status = BuildStatus.SUCCEEDED
    build.image = image.ref
    build.processes = {str(type_): line for type_, line in image.processes.items()}
    build.health_path = image.health_path
    build.start_seconds = image.start_seconds
    build.release_command = image.release_command
    build.size_bytes = image.size_bytes
    build.buildpack = image.buildpack
    build.formation = {str(type_): list(wish) for type_, wish in image.formation.items()}
    build.postdeploy = image.postdeploy
    build.key = image.key
    _touch(session, build)


def fail(session: Session, build: Build) -> None:
    """Write down that the build made nothing; one that succeeded stays so."""
    if build.status == BuildStatus.PENDING:
        build.status = BuildStatus.FAILED
        _touch(session, build)


def image_of(build: Build) -> Image:
    """Return the image that a succeeded build made."""
    assert build.image is not None
    return Image(
        ref=ImageRef(build.image),
        processes={ProcessType(type_): line for type_, line in build.processes.items()},
        health_path=build.health_path,
        start_seconds=build.start_seconds,
        release_command=build.release_command,
        size_bytes=build.size_bytes,
        buildpack=build.buildpack,
        formation=dict(map(_wish, build.formation.items())),
        postdeploy=build.postdeploy,
        key=build.key,
    )


def of_app(session: Session, app_id: str) -> list[Build]:
    """Return the app's builds, newest first."""
    query = select(Build).where(Build.app_id == app_id)
    return list(session.exec(query.order_by(col(Build.created_at).desc())))


def of_key(session: Session, app_id: str, key: str) -> list[Build]:
    """Return the app's builds that made an image with this key, newest first."""
    query = select(Build).where(
        Build.app_id == app_id, Build.key == key, Build.status == BuildStatus.SUCCEEDED
    )
    return list(session.exec(query.order_by(col(Build.created_at).desc()))) if key else []


def newest_size(session: Session, app_id: str) -> int:
    """Return the size in bytes of the image of the app's newest release that has one, 0 for none."""
    query = select(Build.size_bytes).where(
        Build.app_id == app_id,
        Build.status == BuildStatus.SUCCEEDED,
        col(Build.release_id).is_not(None),
    )
    return session.exec(query.order_by(col(Build.created_at).desc()).limit(1)).first() or 0


def find(session: Session, app_id: str, build_id: str) -> Build:
    """Return the app's build; raises NotFound."""
    build = session.get(Build, build_id)
    if build is None or build.app_id != app_id:
        raise NotFound(f"There is no build {build_id!r}.", fix="`empire deploys` lists them.")
    return build


def _wish(row: tuple[str, list[int | str | None]]) -> tuple[ProcessType, tuple[int | None, str]]:
    type_, (quantity, size) = row
    return ProcessType(type_), (None if quantity is None else int(quantity), str(size))


def _touch(session: Session, build: Build) -> None:
    build.updated_at = now()
    session.add(build)
