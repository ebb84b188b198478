"""The application: every noun's routes, tied together."""

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from apiserver import (
    account,
    apps,
    attach,
    builds,
    config_vars,
    deployments,
    disk,
    domains,
    dynos,
    errors,
    formation,
    keys,
    logs,
    one_offs,
    placements,
    releases,
    restarts,
    sources,
    stubs,
    task_roles,
)
from apiserver.calls import Door
from apiserver.tails import Parts
from apiserver.wire import Json, Wire
from empire.errors import EmpireError
from empire.platform import Platform
from empire.settings import Settings
from empire.store import Store

NOUNS = (
    account,
    apps,
    attach,
    builds,
    config_vars,
    deployments,
    disk,
    domains,
    dynos,
    formation,
    keys,
    logs,
    one_offs,
    placements,
    releases,
    restarts,
    sources,
    stubs,
    task_roles,
)


def create_app(settings: Settings, store: Store, platform: Platform) -> FastAPI:
    """Return the API over the store and the platform's ports."""
    app = FastAPI(
        title="Empire",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        default_response_class=Json,
    )
    app.state.door = Door(settings, store, platform)
    app.state.log_parts = Parts(platform.logs)
    app.add_middleware(Wire)
    app.add_exception_handler(EmpireError, errors.of_empire)
    app.add_exception_handler(RequestValidationError, errors.of_body)
    app.add_exception_handler(HTTPException, errors.of_http)
    for noun in NOUNS:
        app.include_router(noun.router)
    return app
