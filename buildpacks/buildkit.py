"""Builds with BuildKit through the engine's own POST /build, and reads its progress.

Each answer line carries a `StatusResponse` of BuildKit's control API in base64
(moby/buildkit, api/services/control/control.proto).
"""

import base64
from collections.abc import Iterable, Iterator
from typing import Any

from buildpacks.flood import CLIPPED, Flood
from buildpacks.progress import Meter, Step, failure, short
from buildpacks.protobuf import Message
from empire.events import Event, Line, Stream

# Field numbers of StatusResponse, Vertex and VertexLog.
VERTEXES, LOGS = 1, 3
DIGEST, NAME, CACHED, STARTED, COMPLETED, ERROR = 1, 3, 4, 5, 6, 7
LOG_VERTEX, LOG_MESSAGE = 1, 4


class Trace:
    """The state of one build as far as its progress told it."""

    def __init__(self, meter: Meter, memory_mib: int, flood: Flood) -> None:
        self._steps: dict[str, Step] = {}
        self._meter = meter
        self._flood = flood
        self._memory_mib = memory_mib
        self._failed: Step | None = None

    def follow(self, answer: Iterable[dict[str, Any]]) -> Stream[str]:
        """Yield the output and return the image's id, empty when the answer broke off.

        Raises BuildFailed with the step and its last lines.
        """
        image = ""
        for row in answer:
            if "error" in row:
                raise failure(self._failed, row["error"], self._memory_mib)
            if row.get("id") == "moby.image.id":
                image = row["aux"]["ID"]
            elif row.get("id") == "moby.buildkit.trace":
                yield from self.status(base64.b64decode(row["aux"]))
        return image

    def status(self, content: bytes) -> Iterator[Event]:
        """Yield what one StatusResponse has to say."""
        response = Message.of(content)
        for vertex in response.messages(VERTEXES):
            yield from self._vertex(vertex)
        for log in response.messages(LOGS):
            text = log.bytes(LOG_MESSAGE)
            self._meter.add(len(text))
            if step := self._steps.get(log.text(LOG_VERTEX)):
                if CLIPPED in text:
                    self._flood.clipped(short(step.name))
                yield from step.wrote(text)

    def summary(self) -> str:
        """Return how much of the work was already done."""
        steps = [step for step in self._steps.values() if step.is_ours]
        cached = sum(step.is_cached for step in steps)
        return f"{cached} of {len(steps)} steps cached"

    def _vertex(self, vertex: Message) -> Iterator[Event]:
        digest, name = vertex.text(DIGEST), vertex.text(NAME)
        step = self._steps.setdefault(digest, Step(name))
        step.is_cached |= vertex.is_set(CACHED)
        if vertex.is_set(STARTED) and step.is_ours and not (step.is_shown or step.is_cached):
            step.is_shown = True
            yield Line(short(step.name))
        if vertex.is_set(COMPLETED):
            self._flood.ended(short(step.name))
            yield from step.ended()
        error = vertex.text(ERROR)
        if error and "context canceled" not in error:
            self._failed = self._failed or step
