"""The door of the registry: as ECR it takes images only of repositories that are there.

One that a creation template is for comes into being with the push.
"""

import json
import re

from tests.fakeaws import account
from tests.fakeaws.http_messages import Head
from tests.fakeaws.relay import Relay, Streams
from tests.fakeaws.repositories import Repositories

UPLOAD = re.compile(r"/v2/(.+)/blobs/uploads/(\?.*)?")


class Gate(Relay):
    """A client's connection."""

    def __init__(
        self, streams: Streams, repositories: Repositories, place: tuple[str, int]
    ) -> None:
        super().__init__(streams)
        self._repositories, self._place = repositories, place

    async def answer(self, head: Head) -> bool:
        """Let the registry answer, unless a push may not begin."""
        begun = UPLOAD.fullmatch(head.path) if head.method == "POST" else None
        if begun and head.get(b"authorization") and not self._repositories.takes(begun[1]):
            return await self.say(head, _unknown(begun[1]))
        return await self.bring(head, head.passed(), self._place)


def _unknown(name: str) -> bytes:
    message = (
        f"The repository with name '{name}' does not exist in the registry with id '{account.ID}'"
    )
    body = json.dumps({"errors": [{"code": "NAME_UNKNOWN", "message": message}]}).encode()
    lines = ["HTTP/1.1 404 Not Found", "Content-Type: application/json"]
    lines += ["Docker-Distribution-Api-Version: registry/2.0", f"Content-Length: {len(body)}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
