"""/apps/{app}/releases: list, show, compare, and go back to one."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Header, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, Field
from sqlmodel import Session

from apiserver import builds, deployments, shapes, waiting
from apiserver.apps import reference
from apiserver.calls import Asked, Call, Identity
from apiserver.ranges import Paged
from empire import deployments as journeys
from empire import line, releases
from empire.access import Permission
from empire.apps import App
from empire.deployments import Deployment
from empire.errors import Unavailable
from empire.releases import Release, Status

RELEASE_SECONDS = 50.0
"""How long a rollback is waited for until its release is there; Heroku's CLI gives up after 60."""

router = APIRouter(prefix="/apps/{app}/releases")


class RollbackWish(BaseModel):
    """The release to go back to, by id or version."""

    release: str | int
    description: str = Field(default="", max_length=200)


@router.get("")
def list_releases(call: Asked, page: Paged, app: Identity) -> list[shapes.Release]:
    """Return the app's releases."""
    with call.store.reading() as session:
        found = call.app(session, app, Permission.VIEW)
        shaped = _shaper(session, found, call)
        all_ = [shaped(made) for made in releases.of_app(session, found.id)]
    return page.of(all_, "version", "id")


@router.get("/{release}")
def show_release(call: Asked, app: Identity, release: Identity) -> shapes.Release:
    """Return the release with the version or id."""
    with call.store.reading() as session:
        found = call.app(session, app, Permission.VIEW)
        return _shaper(session, found, call)(releases.find(session, found.id, release))


@router.get("/{release}/diff/{other}")
def compare(call: Asked, app: Identity, release: Identity, other: Identity) -> list[shapes.Change]:
    """Return what differs between two releases; of config vars the names alone."""
    with call.store.reading() as session:
        found = call.app(session, app, Permission.VIEW)
        old, new = (releases.find(session, found.id, name) for name in (release, other))
        changes = releases.diff(session, old, new)
    return [shapes.Change(what=what, old=was, new=is_) for what, (was, is_) in changes.items()]


@router.post("", status_code=201)
async def roll_back(
    call: Asked,
    app: Identity,
    wish: RollbackWish,
    response: Response,
    prefer: Annotated[str, Header()] = "",
) -> shapes.Release | shapes.Deployment:
    """Go back to an earlier release; return the new release when it is there.

    `Prefer: respond-async` answers at once, with 202 and the deployment.
    """
    found, deployment = await run_in_threadpool(_submit, call, app, wish)
    response.headers["Empire-Deployment"] = str(deployment.number)
    if "respond-async" in prefer:
        response.status_code = 202
        return deployments.shaped(deployment, found)
    if not await waiting.until_released(call, deployment.id, RELEASE_SECONDS):
        raise Unavailable(
            "The rollback still waits for what is ahead of it.",
            fix=f"It goes on by itself: empire deploys:output {deployment.number}",
        )
    return await run_in_threadpool(_made, call, found, deployment.id)


def _submit(call: Call, name: str, wish: RollbackWish) -> tuple[App, Deployment]:
    with call.store.reading() as session:
        app = call.app(session, name, Permission.OPERATE)
        to = releases.find(session, app.id, str(wish.release))
    # The registry may take its time to answer: no connection is held meanwhile.
    is_there = to.image is None or call.platform.registry.exists(to.image)
    with call.store.writing() as session:
        app = call.app(session, name, Permission.OPERATE)
        if not is_there:
            raise line.image_gone(session, to)
        return app, line.submit_rollback(session, app, to, wish.description, by=call.actor)


def _made(call: Call, app: App, deployment_id: str) -> shapes.Release:
    with call.store.reading() as session:
        version = journeys.find(session, deployment_id).version
        return _shaper(session, app, call)(releases.find(session, app.id, str(version)))


def _shaper(session: Session, app: App, call: Call) -> Callable[[Release], shapes.Release]:
    """Return the function that shapes the app's releases."""
    running = releases.current(session, app.id)
    makers = journeys.makers_of(session, app.id)
    kept = releases.kept_images(session, app.id, call.door.settings.releases_kept)

    def shaped(release: Release) -> shapes.Release:
        slug = shapes.slug_of(release.image)
        maker = makers.get(release.version)
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
            # The current one too: Heroku's CLI takes the second of the eligible ones.
            eligible_for_rollback=release.status == Status.SUCCEEDED and release.image in kept,
            output_stream_url=builds.output_url(call, maker) if maker else None,
            created_at=release.created_at,
            updated_at=release.updated_at,
        )

    return shaped
