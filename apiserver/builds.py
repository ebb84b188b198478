"""/apps/{app}/builds: list and show; and their output, for whoever holds its address."""

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse

from apiserver import shapes, streams
from apiserver.calls import Asked, Call, Door, Identity, door_of
from apiserver.ranges import Paged
from empire import builds
from empire.access import Permission
from empire.builds import Build
from empire.errors import NotFound

router = APIRouter()


@router.get("/apps/{app}/builds")
def list_builds(call: Asked, page: Paged, app: Identity) -> list[shapes.Build]:
    """Return the app's builds."""
    with call.store.reading() as session:
        found = call.app(session, app, Permission.VIEW)
        all_ = [_shaped(build, call) for build in builds.of_app(session, found.id)]
    return page.of(all_, "created_at", "id")


@router.get("/apps/{app}/builds/{build}")
def show_build(call: Asked, app: Identity, build: Identity) -> shapes.Build:
    """Return the build."""
    with call.store.reading() as session:
        found = call.app(session, app, Permission.VIEW)
        return _shaped(builds.find(session, found.id, build), call)


@router.get("/streams/{build}/{mark}")
async def stream_output(request: Request, build: Identity, mark: Identity) -> StreamingResponse:
    """Send the build's output from its start to its end. The address is the permission."""
    door = door_of(request)
    await run_in_threadpool(_check, door, build, mark)
    return StreamingResponse(streams.text(door, build), media_type="text/plain; charset=utf-8")


def _check(door: Door, build: str, mark: str) -> None:
    if not door.store.vault.is_signed(_signed(build), mark):
        raise _no_output()
    with door.store.reading() as session:
        if session.get(Build, build) is None:
            raise _no_output()


def _no_output() -> NotFound:
    return NotFound(
        "There is no output at this address.", fix="Ask the API for the build to get its address."
    )


def _signed(build: str) -> str:
    return f"build output {build}"


def _shaped(build: Build, call: Call) -> shapes.Build:
    mark = call.store.vault.sign(_signed(build.id))
    packs = [shapes.Buildpack(name=build.buildpack, url="")] if build.buildpack else None
    return shapes.Build(
        id=build.id,
        app=shapes.Reference(id=build.app_id),
        buildpacks=packs,
        output_stream_url=call.url(f"/streams/{build.id}/{mark}"),
        source_blob=shapes.SourceBlob(version=build.commit),
        release=shapes.Reference(id=build.release_id) if build.release_id else None,
        slug=shapes.slug_of(build.image),
        status=build.status,
        user=shapes.Person(id=build.user_id, email=build.email),
        created_at=build.created_at,
        updated_at=build.updated_at,
    )
