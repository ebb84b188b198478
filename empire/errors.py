"""What can go wrong, in words for the person who reads it.

EmpireError
    InvalidInput      the request cannot be right as it stands
    Unauthorized      nobody known is asking
    Forbidden         somebody known is asking for what they may not do
    NotFound          there is no such thing, or not for this person
    Conflict          it clashes with what is there
    TooMuch           a limit was reached
    BuildFailed       the source could not be turned into an image
    ReleaseFailed     the release phase failed
    StartFailed       the new version did not come up
    TimedOut          a step had its time
    Cancelled         somebody stopped it
    Superseded        a newer push took its place
    Unavailable       a part of the platform does not answer
    InternalError     anything else: a reference number, the detail in the server's log
"""

import secrets
from typing import ClassVar, Self


class EmpireError(Exception):
    """An error for a person: what happened, why, and what to do next.

    `code` is the stable word for machines (Heroku's error ids where one fits); `docs` names a page.
    """

    code: ClassVar[str] = "error"

    def __init__(self, what: str, *, why: str = "", fix: str = "", docs: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.why = why
        self.fix = fix
        self.docs = docs

    def __str__(self) -> str:
        return "\n".join(part for part in (self.what, self.why, self.fix, self.docs) if part)

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.what, self.why, self.fix, self.docs)


def _rebuild(kind: type[EmpireError], what: str, why: str, fix: str, docs: str) -> EmpireError:
    return kind(what, why=why, fix=fix, docs=docs)


class InvalidInput(EmpireError):
    """The request cannot be right as it stands."""

    code = "invalid_params"


class Unauthorized(EmpireError):
    """Nobody known is asking."""

    code = "unauthorized"


class Forbidden(EmpireError):
    """Somebody known asks for what they may not do."""

    code = "forbidden"


class NotFound(EmpireError):
    """There is no such thing, or not for this person."""

    code = "not_found"


class Conflict(EmpireError):
    """It clashes with what is there."""

    code = "conflict"


class TooMuch(EmpireError):
    """A limit was reached."""

    code = "too_much"


class BuildFailed(EmpireError):
    """The source could not be turned into an image."""

    code = "build_failed"


class ReleaseFailed(EmpireError):
    """The release phase failed."""

    code = "release_failed"


class StartFailed(EmpireError):
    """The new version did not come up."""

    code = "start_failed"


class TimedOut(EmpireError):
    """A step had its time."""

    code = "timed_out"


class Cancelled(EmpireError):
    """Somebody stopped it."""

    code = "cancelled"


class Superseded(Cancelled):
    """A newer push took its place."""

    code = "superseded"


class Unavailable(EmpireError):
    """A part of the platform does not answer."""

    code = "unavailable"


class InternalError(EmpireError):
    """Something unexpected; the person gets a reference, the server's log has the detail."""

    code = "internal_server_error"

    @classmethod
    def with_reference(cls) -> Self:
        """Return an error with a fresh reference number, to be logged beside the traceback."""
        reference = secrets.token_hex(4)
        return cls(
            f"Something went wrong inside Empire (reference {reference}).",
            why="This is a fault of the server, not of your input.",
            fix=f"Ask the operator to look for {reference} in the server's log.",
        )
