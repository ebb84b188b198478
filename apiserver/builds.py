"""/apps/{app}/builds: make one of an archive, list and show; and what deployments said, for whoever holds its address."""

from collections.abc import Callable

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field
from sqlmodel import Session

from apiserver import shapes, streams
from apiserver.calls import Asked, Call, Door, Identity, door_of
from apiserver.ranges import Paged
from apiserver.sources import shelf_of
from empire import builds, deployments, line
from empire.access import Permission
from empire.builds import Build, BuildStatus
from empire.deployments import Kind
from empire.errors import InvalidInput, NotFound
from empire.events import Failed, Warning  # noqa: A004 - the word people know from git
from empire.source_archives import SourceBlob

EXIT_CODES = {BuildStatus.PENDING: None, BuildStatus.SUCCEEDED: 0, BuildStatus.FAILED: 1}
router = APIRouter()


class BlobWish(BaseModel):
    """Where the archive is, and what its owner says of it."""

    url: str = Field(max_length=4096)
    checksum: str | None = Field(default=None, max_length=100)
    version: str | None = Field(default=None, max_length=200)
    version_description: str | None = Field(default=None, max_length=1000)

    @property
    def blob(self) -> SourceBlob:
        """The wish as the line knows it."""
        about = (self.checksum or "", self.version or "", self.version_description or "")
        return SourceBlob(self.url, *about)


class BuildWish(BaseModel):
    """What is to be built."""

    source_blob: BlobWish
    buildpacks: list[dict[str, str | None]] | None = None


@router.post("/apps/{app}/builds", status_code=201)
def create_build(call: Asked, app: Identity, wish: BuildWish) -> shapes.Build:
    """Build and deploy the source of an archive; return its build, which only begins."""
    if wish.buildpacks:
        raise InvalidInput(
            "A build cannot be told its buildpacks.",
            why="They are found by what the source holds.",
            fix="Leave `buildpacks` out.",
        )
    with call.store.reading() as session:
        call.app(session, app, Permission.DEPLOY)
    shelf_of(call.door).taken(wish.source_blob.blob)
    with call.store.writing() as session:
        found = call.app(session, app, Permission.DEPLOY)
        deployment = line.submit_source(session, found, wish.source_blob.blob, by=call.actor)
        return _shaper(session, call)(builds.find(session, found.id, deployment.id))


@router.get("/apps/{app}/builds")
def list_builds(call: Asked, page: Paged, app: Identity) -> list[shapes.Build]:
    """Return the app's builds."""
    with call.store.reading() as session:
        found = call.app(session, app, Permission.VIEW)
        shaped = _shaper(session, call)
        all_ = [shaped(build) for build in builds.of_app(session, found.id)]
    return page.of(all_, "created_at", "id")


@router.get("/apps/{app}/builds/{build}")
def show_build(call: Asked, app: Identity, build: Identity) -> shapes.Build:
    """Return the build."""
    with call.store.reading() as session:
        found = call.app(session, app, Permission.VIEW)
        return _shaper(session, call)(builds.find(session, found.id, build))


@router.get("/apps/{app}/builds/{build}/result")
def show_result(call: Asked, app: Identity, build: Identity) -> shapes.BuildResult:
    """Return what became of the build, with its output so far."""
    with call.store.reading() as session:
        found = call.app(session, app, Permission.VIEW)
        meant = builds.find(session, found.id, build)
    events, _ = call.store.journals.read(meant.id, 0)
    lines = [
        shapes.BuildLine(
            line=f"{text}\n", stream="STDERR" if isinstance(event, Failed | Warning) else "STDOUT"
        )
        for event in events
        for text in str(event).splitlines()
    ]
    state = shapes.BuildState(
        id=meant.id, status=meant.status, output_stream_url=output_url(call, meant.id)
    )
    return shapes.BuildResult(build=state, exit_code=EXIT_CODES[meant.status], lines=lines)


@router.get("/streams/{deployment}/{mark}")
async def stream_output(
    request: Request, deployment: Identity, mark: Identity
) -> StreamingResponse:
    """Send the deployment's output from its start to its end. The address is the permission."""
    door = door_of(request)
    await run_in_threadpool(_check, door, deployment, mark)
    return StreamingResponse(streams.text(door, deployment), media_type="text/plain; charset=utf-8")


def output_url(call: Call, deployment: str) -> str:
    """Return the address of a deployment's output, by its id, which is its build's id too."""
    mark = call.store.vault.sign(_signed(deployment))
    return call.url(f"/streams/{deployment}/{mark}")


def _check(door: Door, deployment: str, mark: str) -> None:
    no_output = NotFound(
        "There is no output at this address.",
        fix="Ask the API for the build or the release to get its address.",
    )
    if not door.store.vault.is_signed(_signed(deployment), mark):
        raise no_output
    with door.store.reading() as session:
        try:
            deployments.find(session, deployment)
        except NotFound:
            raise no_output from None


def _signed(deployment: str) -> str:
    return f"build output {deployment}"


def _shaper(session: Session, call: Call) -> Callable[[Build], shapes.Build]:
    """Return the function that shapes builds."""

    def shaped(build: Build) -> shapes.Build:
        packs = [shapes.Buildpack(name=build.buildpack, url="")] if build.buildpack else None
        return shapes.Build(
            id=build.id,
            app=shapes.Reference(id=build.app_id),
            buildpacks=packs,
            output_stream_url=output_url(call, build.id),
            source_blob=_source_of(session, build),
            release=shapes.Reference(id=build.release_id) if build.release_id else None,
            slug=shapes.slug_of(build.image),
            status=build.status,
            user=shapes.Person(id=build.user_id, email=build.email),
            created_at=build.created_at,
            updated_at=build.updated_at,
        )

    return shaped


def _source_of(session: Session, build: Build) -> shapes.SourceBlob:
    """Return where the source came from; of its address what is no secret."""
    deployment = deployments.find(session, build.id)
    if deployment.kind != Kind.SOURCE:
        return shapes.SourceBlob(version=build.commit or None)
    blob = deployments.blob_of(session, deployment)
    return shapes.SourceBlob(
        url=blob.place,
        checksum=blob.checksum or None,
        version=blob.version or None,
        version_description=blob.description or None,
    )
