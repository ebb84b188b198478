"""What a task's `secrets` stand for: `ARN:KEY:STAGE:VERSION` becomes the value, as at its start."""

import json
from typing import Any

from tests.fakeaws import account
from tests.fakeaws.operations import Fields

LOST = (
    "ResourceInitializationError: unable to pull secrets or registry auth: execution resource "
    "retrieval failed: unable to retrieve secret from asm: service call has been retried 1 "
    "time(s): "
)


class CannotStart(Exception):
    """The task cannot start; the text is AWS's stopped reason."""


def resolve(container: Fields) -> dict[str, str]:
    """Return the container's secrets by name. Raises CannotStart."""
    read: dict[str, Any] = {}
    return {
        secret["name"]: _value(secret["valueFrom"], read) for secret in container.get("secrets", [])
    }


def _value(reference: str, read: dict[str, Any]) -> str:
    parts = [*reference.split(":"), "", "", ""]
    arn, (key, stage, version) = ":".join(parts[:7]), parts[7:10]
    name = f"{arn}:{stage}:{version}"
    if name not in read:
        read[name] = _read(arn, stage, version)
    if not key:
        return str(read[name])
    try:
        return str(json.loads(read[name])[key])
    except (ValueError, KeyError):
        raise CannotStart(
            f"{LOST}retrieved secret from Secrets Manager did not contain json key {key}"
        ) from None


def _read(arn: str, stage: str, version: str) -> str:
    stage = stage or ("" if version else "AWSCURRENT")
    try:
        found = account.secrets().get_secret_value(arn, version or None, stage or None)
    except Exception as error:  # noqa: BLE001  moto has many
        reason = getattr(error, "message", str(error))
        code = getattr(error, "error_type", None) or getattr(error, "code", "Error")
        raise CannotStart(
            f"{LOST}failed to fetch secret {arn} from secrets manager: {code}: {reason}"
        ) from None
    return str(found.get("SecretString", ""))
