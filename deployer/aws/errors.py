"""What the AWS adapters tell people."""

from empire.errors import EmpireError, InvalidInput, NotFound, TooMuch, Unavailable

KEYS = "Give the server credentials: an instance role, a profile (AWS_PROFILE) or keys."
DENIED = frozenset(["AccessDenied", "AccessDeniedException", "UnauthorizedOperation"])
UNKNOWN_KEYS = frozenset(
    [
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    ]
)
TOO_FAST = frozenset(
    ["Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequestsException"]
)


def refused(doing: str, code: str, text: str) -> EmpireError:
    """Return the error for a call that AWS refused."""
    what = f"AWS refused to {doing}."
    if code in DENIED:
        return Unavailable(
            what, why=text, fix="Let the server's role do it: docs/aws.md lists what it needs."
        )
    if code in UNKNOWN_KEYS:
        return Unavailable(what, why=text, fix=KEYS)
    if code in TOO_FAST:
        return Unavailable(
            what,
            why=f"The account is asked too much at the moment ({code}).",
            fix="Try again in a minute; something else in the account may be asking too.",
        )
    if "LimitExceeded" in code or "QuotaExceeded" in code or code.startswith("TooMany"):
        return TooMuch(
            what, why=text, fix="Ask AWS for more of it (Service Quotas), or remove what is unused."
        )
    return Unavailable(what, why=f"{code}: {text}" if code else text)


def no_credentials(detail: str) -> Unavailable:
    """Return the error for a server that AWS would not know."""
    return Unavailable("There are no credentials for AWS.", why=detail, fix=KEYS)


def no_answer(doing: str, detail: str) -> Unavailable:
    """Return the error for an account that cannot be reached."""
    return Unavailable(
        f"AWS does not answer, so it could not {doing}.",
        why=detail,
        fix="Look at the network, EMPIRE_AWS_REGION and EMPIRE_AWS_ENDPOINT_URL.",
    )


def not_asked(doing: str, detail: str) -> Unavailable:
    """Return the error for a call that the client library would not make."""
    return Unavailable(f"AWS could not be asked to {doing}.", why=detail)


def no_engine(reason: str) -> Unavailable:
    """Return the error for an engine that does not answer."""
    return Unavailable(
        "The Docker Engine that builds does not answer.",
        why=reason,
        fix="Start it (for example with `systemctl start docker`) and try again.",
    )


def engine_refused(doing: str, reason: str) -> Unavailable:
    """Return the error for a request that the engine turned down."""
    return Unavailable(f"The Docker Engine refused to {doing}.", why=reason)


def image_not_built(place: str) -> NotFound:
    """Return the error for an image that is not on the engine any more."""
    return NotFound(
        f"The image for {place} is not on this machine.",
        why="Something removed it after it was built.",
        fix="Push the app again to build it anew.",
    )


def not_pushed(place: str, reason: str) -> Unavailable:
    """Return the error for an image that the registry did not take."""
    return Unavailable(
        f"The image could not be pushed to {place}.",
        why=reason or "The push ended without a digest.",
        fix="Push again; what is there already is not sent a second time. Where it says denied, let "
        "the server's role push: docs/aws.md lists what it needs.",
    )


def too_large(size: str) -> InvalidInput:
    """Return the error for a dyno that no Fargate task holds."""
    return InvalidInput(
        f"A dyno of size {size} is too large for Fargate.",
        why="A task has 16 cores and 120 GB of memory at most.",
        fix="Choose a smaller size, or run the app on EC2 capacity.",
    )


def config_too_large(app: str) -> InvalidInput:
    """Return the error for config vars that no secret holds."""
    return InvalidInput(
        f"The config vars of {app} are too large.",
        why="All of them together may have 64 KiB on AWS.",
        fix="Keep large values in a file or a bucket, and their address in a config var.",
    )
