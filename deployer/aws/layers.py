"""What the engine tells while it pushes an image, as lines for people: layer by layer, with sizes."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from deployer.aws.engine import Row
from empire.events import Line

TELL_SECONDS = 5.0
"""How often to tell how far a large layer is."""
MB = 1_000_000
THERE = ("Layer already exists", "Mounted from")


@dataclass
class Layers:
    """The layers of one push. `digest` names the image once the registry has it all."""

    clock: Callable[[], float] = time.monotonic
    digest: str = ""
    error: str = ""
    _sizes: dict[str, int] = field(default_factory=dict)
    _sent: set[str] = field(default_factory=set)
    _there: set[str] = field(default_factory=set)
    _told_at: dict[str, float] = field(default_factory=dict)
    _began_at: float = 0

    def __post_init__(self) -> None:
        self._began_at = self.clock()

    def hear(self, row: Row) -> Iterator[Line]:
        """Take one message of the engine and yield what a person should know of it."""
        self.error = str((row.get("errorDetail") or {}).get("message") or row.get("error") or "")
        self.digest = str((row.get("aux") or {}).get("Digest") or self.digest)
        layer, status = str(row.get("id") or ""), str(row.get("status") or "")
        if not layer:
            return
        if status == "Pushing":
            yield from self._progress(layer, row.get("progressDetail") or {})
        elif status == "Pushed":
            self._sent.add(layer)
            yield Line(f"Layer {layer}: {_size(self._sizes.get(layer, 0))}")
        elif status.startswith(THERE):
            self._there.add(layer)
        elif status.startswith("Retrying in 5 second"):
            yield Line(f"Layer {layer} broke off; it is tried again.")

    def summary(self) -> Line:
        """Return how much was sent, and how long it took."""
        size = sum(self._sizes.get(layer, 0) for layer in self._sent)
        sent = (
            f"{_count(len(self._sent))} sent ({_size(size)})" if self._sent else "nothing to send"
        )
        there = f", {_count(len(self._there))} there already" if self._there else ""
        return Line(f"Pushed in {self.clock() - self._began_at:.1f} s: {sent}{there}")

    def _progress(self, layer: str, detail: Row) -> Iterator[Line]:
        # Small layers come with what was sent alone, and what is told last counts.
        current, total = int(detail.get("current") or 0), int(detail.get("total") or 0)
        self._sizes[layer] = max(current, total)
        now = self.clock()
        if now - self._told_at.setdefault(layer, now) >= TELL_SECONDS:
            self._told_at[layer] = now
            yield Line(f"Layer {layer}: {_size(current)} of {_size(max(current, total))}")


def _count(number: int) -> str:
    return f"{number} {'layer' if number == 1 else 'layers'}"


def _size(size: int) -> str:
    return f"{size / MB:.1f} MB" if size >= MB / 10 else f"{size / 1000:.1f} kB"
