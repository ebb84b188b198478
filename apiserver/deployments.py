"""/apps/{app}/deployments: our own; the journey of each change and its events."""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse
from pydantic import BaseModel
from sqlmodel import Session

from apiserver import shapes, streams
from apiserver.apps import reference
from apiserver.calls import Asked, Call, Identity
from apiserver.ranges import LARGEST_MAX, Paged
from empire import deployments, line
from empire.access import Permission
from empire.apps import App
from empire.deployments import Deployment, Kind
from empire.errors import NotFound
from empire.names import ImageName

router = APIRouter(prefix="/apps/{app}/deployments")


class ImageWish(BaseModel):
    """The image to deploy, by its name."""

    image: ImageName


@router.get("")
def list_deployments(call: Asked, page: Paged, app: Identity) -> list[shapes.Deployment]:
    """Return the app's deployments, at most the newest LARGEST_MAX."""
    with call.store.reading() as session:
        found = call.app(session, app, Permission.VIEW)
        newest = deployments.of_app(session, found.id, LARGEST_MAX)
    return page.of([shaped(one, found) for one in newest], "number", "id")


@router.post("", status_code=202)
def deploy_image(call: Asked, app: Identity, wish: ImageWish) -> shapes.Deployment:
    """Deploy an image that was built elsewhere; its events tell what becomes of it."""
    with call.store.writing() as session:
        found = call.app(session, app, Permission.DEPLOY)
        return shaped(line.submit_image(session, found, wish.image, by=call.actor), found)


@router.get("/{deployment}")
def show_deployment(call: Asked, app: Identity, deployment: Identity) -> shapes.Deployment:
    """Return the deployment with the number or id."""
    with call.store.reading() as session:
        found = call.app(session, app, Permission.VIEW)
        return shaped(_find(session, found, deployment), found)


@router.post("/{deployment}/actions/cancel", status_code=202)
def cancel_deployment(call: Asked, app: Identity, deployment: Identity) -> shapes.Deployment:
    """Ask for the deployment's end; its last event tells when it is there."""
    with call.store.writing() as session:
        found = call.app(session, app, Permission.DEPLOY)
        meant = _find(session, found, deployment)
        line.cancel(session, meant, by=call.actor)
        return shaped(meant, found)


@router.get("/{deployment}/events")
async def stream_events(
    call: Asked,
    app: Identity,
    deployment: Identity,
    offset: Annotated[int, Query(ge=0)] = 0,
) -> StreamingResponse:
    """Send the deployment's events as JSON lines from an offset to the end."""
    found = await run_in_threadpool(_visible, call, app, deployment)
    return StreamingResponse(
        streams.lines(call.door, found.id, offset), media_type="application/x-ndjson"
    )


def shaped(deployment: Deployment, app: App) -> shapes.Deployment:
    """Return the deployment as it goes over the wire."""
    return shapes.Deployment(
        id=deployment.id,
        number=deployment.number or 0,
        app=reference(app),
        kind=deployment.kind,
        step=deployment.step,
        is_open=deployment.is_open,
        description=deployment.subject,
        ref=deployment.ref,
        commit=deployment.commit if deployment.kind == Kind.PUSH else "",
        user=shapes.Person(id=deployment.user_id, email=deployment.email),
        version=deployment.version,
        failure=_failure(deployment),
        created_at=deployment.created_at,
        updated_at=deployment.updated_at,
    )


def _visible(call: Call, app: str, deployment: str) -> Deployment:
    with call.store.reading() as session:
        return _find(session, call.app(session, app, Permission.VIEW), deployment)


def _find(session: Session, app: App, name: str) -> Deployment:
    deployment = deployments.find(session, name)
    if deployment.app_id != app.id:
        raise NotFound(
            f"{app.name} has no deployment {name!r}.", fix="`empire deploys` lists them."
        )
    return deployment


def _failure(deployment: Deployment) -> shapes.Failure | None:
    if not deployment.code:
        return None
    return shapes.Failure(
        code=deployment.code, what=deployment.what, why=deployment.why, fix=deployment.fix
    )
