"""Restarting and stopping dynos: DELETE /apps/{app}/dynos and its like."""

from fastapi import APIRouter, Response

from apiserver import shapes
from apiserver.calls import Asked, Call, Identity
from empire import scaling
from empire.access import Permission
from empire.actors import record

router = APIRouter(prefix="/apps/{app}")


@router.delete("/dynos", status_code=202)
def restart_all(call: Asked, app: Identity, response: Response) -> shapes.Nothing:
    """Restart all dynos: new ones beside the old ones, then the old ones go."""
    return _restart(call, app, "", response)


@router.delete("/dynos/{dyno}", status_code=202)
def restart_dyno(call: Asked, app: Identity, dyno: Identity, response: Response) -> shapes.Nothing:
    """Restart one dyno; a one-off is stopped."""
    return stop_dyno(call, app, dyno, response)


@router.delete("/formations/{type_}", status_code=202)
def restart_type(call: Asked, app: Identity, type_: Identity, response: Response) -> shapes.Nothing:
    """Restart the dynos of a process type."""
    return _restart(call, app, type_, response)


@router.post("/dynos/{dyno}/actions/stop", status_code=202)
def stop_dyno(call: Asked, app: Identity, dyno: Identity, response: Response) -> shapes.Nothing:
    """Stop a dyno. Of the formation another one takes its place, as on Heroku: that is a restart."""
    with call.store.reading() as session:
        found = call.app(session, app, Permission.OPERATE)
    if dyno not in (run.dyno.name for run in call.platform.one_offs.runs(found.handle)):
        return _restart(call, app, dyno, response)
    with call.store.writing() as session:
        record(session, call.actor, "ps:stop", found.name, dyno)
    call.platform.one_offs.remove(found.handle, dyno)
    return {}


@router.post("/formations/{type_}/actions/stop", status_code=202)
def stop_type(call: Asked, app: Identity, type_: Identity, response: Response) -> shapes.Nothing:
    """Stop the dynos of a process type; others take their places."""
    return _restart(call, app, type_, response)


def _restart(call: Call, name: str, what: str, response: Response) -> shapes.Nothing:
    with call.store.writing() as session:
        app = call.app(session, name, Permission.OPERATE)
        deployment = scaling.restart(session, app, what, by=call.actor)
    if deployment:
        response.headers["Empire-Deployment"] = str(deployment.number)
    return {}
