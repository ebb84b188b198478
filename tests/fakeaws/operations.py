"""Puts the simulator's own operations in the place of moto's, with AWS's errors and pages."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from moto.core.utils import camelcase_to_underscores

Fields = dict[str, Any]
"""A request or an answer, as the wire spells it."""

Operation = Callable[[Fields], Fields]


def attach(responses: type, operations: Mapping[str, Operation]) -> None:
    """Let these functions answer the JSON operations of that name."""
    for name, operation in operations.items():
        setattr(responses, camelcase_to_underscores(name), _answering(operation))


class Refusal(Exception):
    """An error that AWS answers with."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message, self.status = code, message, status


def invalid(message: str) -> Refusal:
    """Return what is said of a parameter that cannot be."""
    return Refusal("InvalidParameterException", message)


def page(wish: Fields, key: str, items: Sequence[Any], size: int = 100, most: int = 100) -> Fields:
    """Return the wished page of the items, and the token of the next one if there is one."""
    length = int(wish.get("maxResults") or size)
    if not 1 <= length <= most:
        raise invalid(f"maxResults must be between 1 and {most}.")
    start = _position(wish.get("nextToken"))
    answer: Fields = {key: list(items[start : start + length])}
    if start + length < len(items):
        answer["nextToken"] = urlsafe_b64encode(str(start + length).encode()).decode()
    return answer


def _position(token: str | None) -> int:
    if not token:
        return 0
    try:
        return int(urlsafe_b64decode(token))
    except ValueError:
        raise invalid("Invalid token.") from None


def _answering(operation: Operation) -> Callable[[Any], tuple[str, dict[str, Any]]]:
    def answer(responses: Any) -> tuple[str, dict[str, Any]]:
        try:
            return json.dumps(operation(json.loads(responses.body or "{}"))), {}
        except Refusal as refusal:
            words = {"__type": refusal.code, "message": refusal.message}
            return json.dumps(words), {"status": refusal.status}

    return answer
