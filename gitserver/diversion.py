"""A channel's data, written to a pipe by the transport's own thread."""

import os
import threading
from typing import TYPE_CHECKING

from paramiko.channel import Channel
from paramiko.common import cMSG_CHANNEL_WINDOW_ADJUST
from paramiko.message import Message

if TYPE_CHECKING:
    from gitserver.transport import SshTransport

WINDOW_BYTES = 32 * 1024 * 1024
ACKNOWLEDGE_BYTES = 2 * 1024 * 1024
PIECES_AT_ONCE = 1024  # Linux's IOV_MAX


class Diversion:
    """Writes what comes on a channel to a pipe, and closes the pipe when no more can come.

    A slow reader slows the client down, as it should. When the reader is gone, or there is no pipe,
    the rest is swallowed, so that the client can finish and hear why.
    """

    def __init__(self, transport: "SshTransport", channel: Channel, pipe: int | None) -> None:
        self.swallowed_bytes = 0
        self._transport = transport
        self._channel = channel
        self._pipe = pipe
        self._ended = threading.Event()
        self._unacknowledged = 0
        self._lock = threading.Lock()

    def drain(self) -> None:
        """Take what the channel holds already; called while nothing new can come."""
        early = self._channel.in_buffer.empty()
        self._write([memoryview(early)], len(early))
        self._unacknowledged = len(early)

    def start(self) -> None:
        """Let the client send far ahead from now on."""
        self._acknowledge(WINDOW_BYTES)
        if self._channel.eof_received or self._channel.closed:
            self.end()

    def take(self, pieces: list[memoryview], total: int) -> None:
        """Write the pieces."""
        with self._lock:
            self._write(pieces, total)
        self._unacknowledged += total
        # While keys are exchanged nothing may be sent, and only this thread can end the exchange.
        if self._unacknowledged >= ACKNOWLEDGE_BYTES and self._transport.clear_to_send.is_set():
            self._acknowledge(self._unacknowledged)
            self._unacknowledged = 0

    def swallow(self) -> None:
        """Write nothing more; what still comes is thrown away."""
        with self._lock:
            self._close_pipe()

    def end(self) -> None:
        """Tell the reader that nothing more comes."""
        self._ended.set()
        self.swallow()

    def wait_until_ended(self, seconds: float) -> bool:
        """Tell whether the client stopped sending, waiting so long at most."""
        return self._ended.wait(seconds)

    def _write(self, pieces: list[memoryview], total: int) -> None:
        if self._pipe is None:
            self.swallowed_bytes += total
            return
        try:
            _write_all(self._pipe, pieces)
        except BrokenPipeError:
            self._close_pipe()

    def _close_pipe(self) -> None:
        if self._pipe is not None:
            os.close(self._pipe)
            self._pipe = None

    def _acknowledge(self, count: int) -> None:
        message = Message()
        message.add_byte(cMSG_CHANNEL_WINDOW_ADJUST)
        message.add_int(self._channel.remote_chanid)
        message.add_int(count)
        self._transport.send_on_channel(message)


def _write_all(pipe: int, pieces: list[memoryview]) -> None:
    todo = [piece for piece in pieces if piece]
    while todo:
        written = os.writev(pipe, todo[:PIECES_AT_ONCE])
        done = 0
        while done < len(todo) and written >= len(todo[done]):
            written -= len(todo[done])
            done += 1
        del todo[:done]
        if written:
            todo[0] = todo[0][written:]
