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


class Diversion:
    """Writes what comes on a channel to a pipe, and closes the pipe when no more can come.

    A slow reader slows the client down, as it should. When the reader is gone, `is_broken` is true
    and the rest is swallowed, so that the client can still hear why.
    """

    def __init__(self, transport: "SshTransport", channel: Channel, pipe: int) -> None:
        self.is_broken = False
        self.swallowed_bytes = 0
        self._transport = transport
        self._channel = channel
        self._pipe = pipe
        self._is_open = True
        self._unacknowledged = 0
        self._lock = threading.Lock()

    def drain(self) -> None:
        """Take what the channel holds already; called while nothing new can come."""
        early = self._channel.in_buffer.empty()
        self._write([memoryview(early)])
        self._unacknowledged = len(early)

    def start(self) -> None:
        """Let the client send far ahead from now on."""
        self._acknowledge(WINDOW_BYTES)
        if self._channel.eof_received or self._channel.closed:
            self.close()

    def take(self, pieces: list[memoryview], total: int) -> None:
        """Write the pieces."""
        with self._lock:
            self._write(pieces)
            self._unacknowledged += total
            self._acknowledge_when_due()

    def close(self) -> None:
        """Tell the reader that nothing more comes."""
        with self._lock:
            if self._is_open:
                self._is_open = False
                os.close(self._pipe)

    def _write(self, pieces: list[memoryview]) -> None:
        if self.is_broken or not self._is_open:
            self.swallowed_bytes += sum(map(len, pieces))
            return
        try:
            _write_all(self._pipe, pieces)
        except BrokenPipeError:
            self.is_broken = True

    def _acknowledge_when_due(self) -> None:
        # While keys are exchanged nothing may be sent, and only this thread can end the exchange.
        if self._unacknowledged < ACKNOWLEDGE_BYTES or not self._transport.clear_to_send.is_set():
            return
        self._acknowledge(self._unacknowledged)
        self._unacknowledged = 0

    def _acknowledge(self, count: int) -> None:
        message = Message()
        message.add_byte(cMSG_CHANNEL_WINDOW_ADJUST)
        message.add_int(self._channel.remote_chanid)
        message.add_int(count)
        self._transport._send_user_message(message)  # noqa: SLF001 - what Channel.recv calls


def _write_all(pipe: int, pieces: list[memoryview]) -> None:
    batch = [piece for piece in pieces if piece]
    while batch:
        written = os.writev(pipe, batch[:1024])
        while batch and written >= len(batch[0]):
            written -= len(batch.pop(0))
        if written:
            batch[0] = batch[0][written:]
