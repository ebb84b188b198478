"""Reads the progress of the engine's classic builder: Podman, old engines, or by choice."""

import re
from collections.abc import Iterable
from typing import Any

from buildpacks.progress import Meter, Step, failure, short
from empire.events import Line, Stream

STEP = re.compile(r"Step (\d+/\d+) : (.*)")
NOISE = re.compile(
    r" ---> |Removing intermediate container |Successfully (built|tagged) |Step \d+/|\s*$"
)
OURS = re.compile(r"LABEL empire\.|FROM ")


class Steps:
    """The state of one build as far as its output told it."""

    def __init__(self, meter: Meter, memory_mib: int) -> None:
        self._meter = meter
        self._memory_mib = memory_mib
        self._step = Step("")
        self._seen = self._cached = 0

    def follow(self, answer: Iterable[dict[str, Any]]) -> Stream[str]:
        """Yield the output and return the image's id, empty when the answer broke off.

        Raises BuildFailed with the step and its last lines.
        """
        image = ""
        for row in answer:
            if "error" in row:
                raise failure(self._step, row["error"], self._memory_mib)
            if "stream" in row:
                yield from self._wrote(row["stream"])
            elif "ID" in row.get("aux", {}):
                image = row["aux"]["ID"]
        return image

    def summary(self) -> str:
        """Return how much of the work was already done."""
        return f"{self._cached} of {self._seen} steps cached"

    def _wrote(self, text: str) -> Stream[None]:
        self._meter.add(len(text))
        if found := STEP.match(text):
            yield from self._step.ended()
            self._step = Step(f"[{found[1]}] {found[2].strip()}")
            if OURS.match(found[2]):
                return
            self._seen += 1
            yield Line(short(self._step.name))
        self._cached += " ---> Using cache" in text and not OURS.search(self._step.name)
        if not NOISE.match(text):
            yield from self._step.wrote(text.encode())
