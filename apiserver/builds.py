"""/apps/{app}/builds: list and show; and what deployments said, for whoever holds its address."""

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse

from apiserver import shapes, streams
from apiserver.calls import Asked, Call, Door, Identity, door_of
from apiserver.ranges import Paged
from empire import builds, deployments
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


def _shaped(build: Build, call: Call) -> shapes.Build:
    packs = [shapes.Buildpack(name=build.buildpack, url="")] if build.buildpack else None
    return shapes.Build(
        id=build.id,
        app=shapes.Reference(id=build.app_id),
        buildpacks=packs,
        output_stream_url=output_url(call, build.id),
        source_blob=shapes.SourceBlob(version=build.commit),
        release=shapes.Reference(id=build.release_id) if build.release_id else None,
        slug=shapes.slug_of(build.image),
        status=build.status,
        user=shapes.Person(id=build.user_id, email=build.email),
        created_at=build.created_at,
        updated_at=build.updated_at,
    )
