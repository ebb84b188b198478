"""Errors on the wire: Heroku's {id, message, url} and the status for each kind."""

from collections.abc import Mapping, Sequence

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from apiserver.wire import Json
from empire import errors
from empire.deployments import Deployment
from empire.errors import EmpireError


class BadRequest(EmpireError):
    """The body is not JSON."""

    code = "bad_request"


class NotAcceptable(EmpireError):
    """Another version of the API is asked for than the one served."""

    code = "not_acceptable"


class WrongRange(EmpireError):
    """The Range header cannot be served."""

    code = "requested_range_not_satisfiable"


STATUSES: dict[type[EmpireError], int] = {
    BadRequest: 400,
    errors.Unauthorized: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    NotAcceptable: 406,
    errors.Conflict: 409,
    errors.Cancelled: 409,
    WrongRange: 416,
    errors.InvalidInput: 422,
    errors.BuildFailed: 422,
    errors.ReleaseFailed: 422,
    errors.StartFailed: 422,
    errors.TimedOut: 422,
    errors.TooMuch: 429,
    errors.InternalError: 500,
    errors.Unavailable: 503,
}

_IDS = {400: "bad_request", 404: "not_found", 405: "method_not_allowed", 413: "too_large"}


def of_empire(_request: Request, error: Exception) -> Json:
    """Return the answer that tells of an EmpireError."""
    assert isinstance(error, EmpireError)
    content = {"id": error.code, "message": str(error)}
    if error.docs:
        content["url"] = error.docs
    return Json(content, status_of(error))


def of_body(request: Request, error: Exception) -> Json:
    """Return the answer to a body that is not JSON (400) or not of the right form (422)."""
    assert isinstance(error, RequestValidationError)
    found = error.errors()
    if any(one["type"] == "json_invalid" for one in found):
        return of_empire(request, bad_json())
    return of_empire(request, wrong_form(found))


def of_http(_request: Request, error: Exception) -> Json:
    """Return the answer to what the framework itself refuses, such as an unknown path."""
    assert isinstance(error, HTTPException)
    if error.status_code == 400:
        return of_empire(_request, bad_json())
    code = _IDS.get(error.status_code, "bad_request")
    text = _UNKNOWN_PATH if error.status_code in (404, 405) else str(error.detail)
    return Json({"id": code, "message": text}, error.status_code, error.headers)


def status_of(error: EmpireError) -> int:
    """Return the HTTP status for the error, by its nearest kind."""
    return next((STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES), 500)


def of_deployment(deployment: Deployment) -> EmpireError:
    """Return the error that ended the deployment."""
    kinds = {kind.code: kind for kind in STATUSES}
    kind = kinds.get(deployment.code, errors.StartFailed)
    return kind(deployment.what, why=deployment.why, fix=deployment.fix)


def wrong_version() -> NotAcceptable:
    """Return the error for a missing or other version."""
    return NotAcceptable(
        "The API's version must be named.",
        why="Only version 3 of the Heroku Platform API is served.",
        fix="Send the header: Accept: application/vnd.heroku+json; version=3",
    )


def no_token() -> errors.Unauthorized:
    """Return the error for a request without a token."""
    return errors.Unauthorized(
        "This needs a token.",
        why="The request has no Authorization header with a Bearer token.",
        fix="Log in: empire login",
    )


def bad_json() -> BadRequest:
    """Return the error for a body that is not JSON."""
    return BadRequest("The body is not valid JSON.", fix="Send a JSON object.")


def wrong_form(found: Sequence[Mapping[str, object]]) -> errors.InvalidInput:
    """Return the error for a body whose fields are of the wrong kind, with each field's name."""
    reasons = [f"{_place(one)}: {one['msg']}" for one in found[:5]]
    return errors.InvalidInput("The request has a wrong form.", why="\n".join(reasons))


def wrong_range(header: str, attributes: tuple[str, ...]) -> WrongRange:
    """Return the error for a Range header that names no attribute of the list or no range."""
    return WrongRange(
        f"The range {header[:100]!r} cannot be served.",
        why=f"This list has ranges by {', '.join(attributes)}.",
        fix=f"Send for example: Range: {attributes[0]} ..; max=100, order=desc",
    )


_UNKNOWN_PATH = "There is nothing at this address of the API.\nSee docs/api.md for what there is."


def _place(one: Mapping[str, object]) -> str:
    place = one.get("loc", ())
    assert isinstance(place, tuple)
    return ".".join(str(part) for part in place if part not in ("body", "[key]")) or "body"
