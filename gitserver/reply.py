"""What goes back to a pusher: progress, the platform's words, keep-alives, the final report."""

import time

from dulwich.errors import GitProtocolError
from dulwich.protocol import Protocol, pkt_line

from empire.errors import EmpireError
from empire.events import Event, Failed, Quiet, masked
from gitserver.call import Call

DATA, TALK = 1, 2
KEEP_ALIVE = b"0005\x01"
TALK_MAX_BYTES = 999  # side-band's old limit; small pieces also arrive soonest


class Reply:
    """The way back to one pusher. When the pusher is gone, `is_gone` is true and nothing is sent."""

    def __init__(self, call: Call, protocol: Protocol, capabilities: frozenset[str]) -> None:
        self.is_gone = False
        self._protocol = protocol
        self._channel = call.channel
        self._activity = call.activity
        self._keep_alive_seconds = call.door.settings.ssh_keepalive_seconds
        self._has_bands = "side-band-64k" in capabilities
        self._is_quiet = "quiet" in capabilities

    def show(self, event: Event) -> None:
        """Send the event as a person reads it, with control sequences masked."""
        if isinstance(event, Quiet):
            self._keep_alive()
        else:
            self._talk(f"{masked(str(event))}\n".encode("utf-8", "replace"))

    def explain(self, error: EmpireError) -> None:
        """Say what went wrong and what to do."""
        self.show(Failed.of(error))

    def progress(self, text: bytes) -> None:
        """Pass on git's own progress, where a person looks on: git asks for quiet when none does."""
        if not self._is_quiet:
            self._talk(text.replace(b"\0", b""))

    def report(self, unpacked: str, verdicts: dict[str, EmpireError | None]) -> None:
        """Send the final report: whether the pack was taken, and each ref's outcome."""
        rows = [f"unpack {unpacked}"]
        rows += [
            f"ng {ref} {_one_line(error)}" if error else f"ok {ref}"
            for ref, error in verdicts.items()
        ]
        lines = (pkt_line(f"{row}\n".encode("utf-8", "surrogateescape")) for row in rows)
        whole = b"".join(lines) + b"0000"
        if self._has_bands:
            self._send(_banded(DATA, whole, 60_000) + b"0000")
        else:
            self._send(whole)

    def _keep_alive(self) -> None:
        self.is_gone = self.is_gone or self._channel.closed
        silence = time.monotonic() - self._activity.moved_at
        if self._has_bands and silence >= self._keep_alive_seconds:
            self._send(KEEP_ALIVE)

    def _talk(self, text: bytes) -> None:
        if self._has_bands and text:
            self._send(_banded(TALK, text, TALK_MAX_BYTES))

    def _send(self, content: bytes) -> None:
        if self.is_gone:
            return
        try:
            self._protocol.write(content)
        except (OSError, EOFError, GitProtocolError):
            self.is_gone = True
        self._activity.touch()


def _banded(band: int, content: bytes, size: int) -> bytes:
    pieces = (content[at : at + size] for at in range(0, len(content), size))
    return b"".join(pkt_line(bytes([band]) + piece) for piece in pieces)


def _one_line(error: EmpireError) -> str:
    return masked(error.what).partition("\n")[0] or error.code
