"""SSH packets read in bulk: many per system call, and pack bytes go straight to who wants them.

paramiko reads each packet with two system calls and carries it through a locked buffer to another
thread. A push of a large repository is one long run of data packets, so for AES-GCM this reader
takes whatever the socket holds, and a channel's data can be diverted to a sink as it is decrypted.
Until encryption is on, paramiko's own reader is in charge.
"""

import socket
import time
from collections.abc import Callable
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from paramiko.common import MSG_CHANNEL_DATA
from paramiko.message import Message
from paramiko.packet import NeedRekeyException, Packetizer
from paramiko.ssh_exception import SSHException

Sink = Callable[[list[memoryview], int], None]
"""Takes pieces of a channel's data and their total length; called in the transport's thread."""

LENGTH_BYTES = 4
TAG_BYTES = 16
BLOCK_BYTES = 16
PACKET_MAX_BYTES = 256 * 1024
BUFFER_BYTES = 1024 * 1024


class Packets(Packetizer):
    """A packet reader that may divert the data of channels to sinks."""

    # RFC 4344 section 3.2: a key of a 128-bit block cipher is good for 2^32 blocks.
    REKEY_BYTES = 2**36
    REKEY_BYTES_OVERFLOW_MAX = 2**30

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock)
        self.heard_at = time.monotonic()
        self.sinks: dict[int, Sink] = {}
        self._handshake_ends_at: float | None = None
        self._sock = sock
        self._key: AESGCM | None = None
        self._nonce_head = b""
        self._nonce_count = 0
        self._opened = 0
        self._buffer = bytearray(BUFFER_BYTES)
        self._view = memoryview(self._buffer)
        self._start = self._end = 0

    def start_handshake(self, timeout: float) -> None:
        """Begin the handshake's time; paramiko would start a thread for it that outlives us."""
        self._handshake_ends_at = time.monotonic() + timeout

    def handshake_timed_out(self) -> bool:
        """Tell whether the handshake had its time."""
        return self._handshake_ends_at is not None and time.monotonic() > self._handshake_ends_at

    def complete_handshake(self) -> None:
        """End the handshake's time."""
        self._handshake_ends_at = None

    def set_inbound_cipher(self, block_engine: Any, *args: Any, **options: Any) -> None:
        """Switch to the new key; packets that are already here are opened with it."""
        super().set_inbound_cipher(block_engine, *args, **options)
        if not options.get("aead"):
            raise SSHException("Only AES-GCM is spoken here.")
        nonce: bytes = options["iv_in"]
        self._key = block_engine
        self._nonce_head, self._nonce_count = nonce[:4], int.from_bytes(nonce[4:])

    def read_message(self) -> tuple[int, Message]:
        """Return the next packet that no sink takes."""
        if self._key is None:
            return super().read_message()
        while True:
            payload = self._divert_run()
            if payload is not None:
                return self._message(payload)
            if self.need_rekey():
                raise NeedRekeyException
            self._fill()

    def _divert_run(self) -> memoryview | None:
        """Give packets to their sinks until none is left, or return one that has no sink."""
        sink: Sink | None = None
        pieces: list[memoryview] = []
        while (payload := self._open_next()) is not None:
            taker = self._taker(payload)
            if sink and taker is not sink:
                sink(pieces, sum(map(len, pieces)))
                pieces = []
            sink = taker
            if taker is None:
                return payload
            pieces.append(payload[9:])
        if sink:
            sink(pieces, sum(map(len, pieces)))
        return None

    def _taker(self, payload: memoryview) -> Sink | None:
        if payload[0] != MSG_CHANNEL_DATA or not self.sinks:
            return None
        return self.sinks.get(int.from_bytes(payload[1:5]))

    def _open_next(self) -> memoryview | None:
        """Return the payload of the next packet, or None when it is not all here yet."""
        start, have = self._start, self._end - self._start
        if have < LENGTH_BYTES:
            return None
        size = int.from_bytes(self._view[start : start + LENGTH_BYTES])
        if size < BLOCK_BYTES or size % BLOCK_BYTES or size > PACKET_MAX_BYTES:
            raise SSHException("Invalid packet length")
        body = start + LENGTH_BYTES
        end = body + size + TAG_BYTES
        if end > self._end:
            return None
        plain = self._decrypt(self._view[body:end], self._view[start:body])
        self._start = end
        payload = memoryview(plain)[1 : size - plain[0]]
        if not payload:
            raise SSHException("Empty packet")
        return payload

    def _decrypt(self, sealed: memoryview, length: memoryview) -> bytes:
        assert self._key is not None
        nonce = self._nonce_head + self._nonce_count.to_bytes(8)
        self._nonce_count = (self._nonce_count + 1) & 0xFFFFFFFFFFFFFFFF
        self._opened += 1
        try:
            return self._key.decrypt(nonce, sealed, length)
        except InvalidTag:
            raise SSHException("Mismatched MAC") from None

    def _message(self, payload: memoryview) -> tuple[int, Message]:
        message = Message(bytes(payload[1:]))
        message.seqno = self._opened & 0xFFFFFFFF
        return payload[0], message

    def _fill(self) -> None:
        """Wait until the socket has something and take all that fits."""
        if self._start == self._end:
            self._start = self._end = 0
        elif len(self._buffer) - self._end < PACKET_MAX_BYTES + LENGTH_BYTES + TAG_BYTES:
            self._compact()
        while True:
            try:
                count = self._sock.recv_into(self._view[self._end :])
            except TimeoutError:
                self._look_around()
                continue
            except OSError:
                if self.closed:
                    raise EOFError from None
                raise
            break
        if count == 0:
            raise EOFError
        self._end += count
        self.heard_at = time.monotonic()

    def _look_around(self) -> None:
        if self.closed or self.handshake_timed_out():
            raise EOFError
        if self.need_rekey():
            raise NeedRekeyException
        self._check_keepalive()  # type: ignore[attr-defined] # not in the stubs

    def _compact(self) -> None:
        rest = self._end - self._start
        self._view[:rest] = bytes(self._view[self._start : self._end])
        self._start, self._end = 0, rest
