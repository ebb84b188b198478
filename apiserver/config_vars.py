"""/apps/{app}/config-vars: read and change."""

from typing import Annotated

from fastapi import APIRouter, Header, Query, Response
from fastapi.concurrency import run_in_threadpool

from apiserver import shapes, waiting
from apiserver.calls import Asked, Call, Identity
from empire import config_vars, releases
from empire.access import Permission
from empire.deployments import Deployment
from empire.secrets import Secret

RELEASE_SECONDS = 25.0
"""How long a change is waited for until its release is there, which GET releases then shows."""

router = APIRouter()


@router.get("/apps/{app}/config-vars")
def show_config(call: Asked, app: Identity) -> shapes.Config:
    """Return the app's config vars."""
    with call.store.reading() as session:
        found = call.app(session, app, Permission.DEPLOY)
        return _revealed(config_vars.of(session, found))


@router.get("/apps/{app}/releases/{release}/config-vars")
def show_config_of_release(call: Asked, app: Identity, release: Identity) -> shapes.Config:
    """Return the config vars that the release has."""
    with call.store.reading() as session:
        found = call.app(session, app, Permission.DEPLOY)
        made = releases.find(session, found.id, release)
        return _revealed(releases.config_of(session, made))


@router.patch("/apps/{app}/config-vars")
async def change_config(
    call: Asked,
    app: Identity,
    changes: dict[str, str | None],
    response: Response,
    prefer: Annotated[str, Header()] = "",
    message: Annotated[str, Query(max_length=200)] = "",
) -> shapes.Config:
    """Set vars and remove those that are null; return all of them.

    The header Empire-Deployment names the deployment that carries the change. Its release is
    waited for, unless the client prefers to follow it: `Prefer: respond-async` (RFC 7240). The
    message describes the release.
    """
    config, deployment = await run_in_threadpool(_submit, call, app, changes, message)
    if deployment:
        response.headers["Empire-Deployment"] = str(deployment.number)
        if "respond-async" not in prefer:
            await waiting.until_released(call, deployment.id, RELEASE_SECONDS)
    return config


def _submit(
    call: Call, name: str, changes: dict[str, str | None], message: str
) -> tuple[shapes.Config, Deployment | None]:
    wished = {key: None if value is None else Secret(value) for key, value in changes.items()}
    with call.store.writing() as session:
        app = call.app(session, name, Permission.OPERATE)
        config, deployment = config_vars.change(session, app, wished, message, by=call.actor)
    return _revealed(config), deployment


def _revealed(config: dict[str, Secret]) -> shapes.Config:
    return {name: value.reveal() for name, value in sorted(config.items())}
