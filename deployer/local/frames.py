"""A log stream as the engine sends it, byte by byte: frames that begin with their time."""

from dataclasses import dataclass, field

LONGEST_LINE = 2 * 1024 * 1024
"""Bytes; a longer line is told as several."""
_HEAD, _STAMP = 8, 30

Found = list[tuple[bytes, bytes]]
"""Stamps and texts."""


@dataclass(slots=True)
class _Begun:
    stamp: bytes
    pieces: list[bytes] = field(default_factory=list)
    size: int = 0

    def add(self, piece: bytes) -> None:
        self.pieces.append(piece)
        self.size += len(piece)

    def line(self) -> tuple[bytes, bytes]:
        return self.stamp, b"".join(self.pieces).removesuffix(b"\n")


class Frames:
    """Turns what one stream brings into whole lines, each with its time.

    The engine cuts lines at 16 KiB; all pieces carry the time of the first. Standard output and
    standard error come mixed, so each has a line that is begun.
    """

    def __init__(self) -> None:
        self._held = b""
        self._begun: dict[int, _Begun] = {}

    def feed(self, received: bytes) -> Found:
        """Return the lines that are whole now."""
        held, at, found = self._held + received, 0, []
        length = len(held)
        while length - at >= _HEAD:
            end = at + _HEAD + int.from_bytes(held[at + 4 : at + 8], "big")
            if end > length:
                break
            kind, at = held[at], at + _HEAD
            stamp = held[at : at + _STAMP]
            if held[end - 1] == 10 and kind not in self._begun:
                found.append((stamp, held[at + _STAMP + 1 : end - 1]))
            else:
                self._join(kind, stamp, held[at + _STAMP + 1 : end], found)
            at = end
        self._held = held[at:]
        return found

    def rest(self) -> Found:
        """Return what the dyno wrote without a line end before it ended."""
        found = [begun.line() for begun in self._begun.values()]
        self._begun.clear()
        return sorted(found)

    @property
    def begun_at(self) -> bytes:
        """The stamp of the oldest line that is not whole yet; nothing when there is none."""
        return min((begun.stamp for begun in self._begun.values()), default=b"")

    def _join(self, kind: int, stamp: bytes, piece: bytes, found: Found) -> None:
        if kind in self._begun and self._begun[kind].stamp != stamp:
            # The dyno ended within a line and came again.
            found.append(self._begun.pop(kind).line())
        begun = self._begun.setdefault(kind, _Begun(stamp))
        begun.add(piece)
        if piece.endswith(b"\n") or begun.size >= LONGEST_LINE:
            found.append(self._begun.pop(kind).line())
