"""One SSH connection on the wire: algorithms, refusals with a reason, diverted channels."""

import contextlib
import socket
import struct
import threading
from collections.abc import Callable
from typing import Protocol

from paramiko import PKey, Transport
from paramiko.channel import Channel
from paramiko.common import (
    MSG_CHANNEL_CLOSE,
    MSG_CHANNEL_DATA,
    MSG_CHANNEL_EOF,
    MSG_CHANNEL_REQUEST,
    OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED,
    cMSG_CHANNEL_OPEN_FAILURE,
    cMSG_DISCONNECT,
)
from paramiko.message import Message

from gitserver import errors
from gitserver.auth import KeysOnly
from gitserver.diversion import Diversion
from gitserver.packets import Packets

IDENTIFICATION = "SSH-2.0-Empire"
WINDOW_BYTES = 2 * 1024 * 1024
PACKET_BYTES = 128 * 1024
# paramiko's own reactions to messages on channels; ours stand before them.
HANDLERS: dict[int, Callable[[Channel, Message], None]] = Transport._channel_handler_table  # type: ignore[attr-defined] # noqa: SLF001
DISCONNECT_BY_APPLICATION = 11
DISCONNECT_TOO_MANY_CONNECTIONS = 12


class Guest(Protocol):
    """Who is told of a connection's channels."""

    def opened(self, channel: Channel) -> None:
        """Take note of a new channel; paramiko itself holds it weakly."""
        ...

    def answered(self, channel: Channel) -> None:
        """Take note that a request on the channel was answered."""
        ...

    def closed(self, channel: Channel) -> None:
        """Take note that the client closed the channel."""
        ...


class SshTransport(Transport):
    """paramiko's transport with our algorithms, limits and texts.

    Ciphers: AES-GCM alone, because the client's preference decides among the common ones and the
    others cost several times the processor time of both sides.
    """

    _preferred_ciphers = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com")
    _active_check_timeout = 2.0

    def __init__(self, sock: socket.socket, auth_tries: int) -> None:
        super().__init__(
            sock,
            default_window_size=WINDOW_BYTES,
            default_max_packet_size=PACKET_BYTES,
            packetizer_class=Packets,
        )
        self.guest: Guest
        self.local_version = IDENTIFICATION
        self.packets: Packets = self.packetizer  # type: ignore[assignment]
        self._auth_tries = auth_tries
        self._feeding = threading.Lock()
        self._diversions: dict[int, Diversion] = {}
        self._channel_handler_table = {
            **HANDLERS,
            MSG_CHANNEL_DATA: self._feed_channel,
            MSG_CHANNEL_EOF: self._end_of_channel,
            MSG_CHANNEL_CLOSE: self._close_of_channel,
            MSG_CHANNEL_REQUEST: self._request_on_channel,
        }

    def run(self) -> None:
        """Serve the connection until it ends; what was diverted sees the end too."""
        try:
            super().run()
        finally:
            for diversion in list(self._diversions.values()):
                diversion.end()

    def divert(self, channel: Channel, pipe: int) -> Diversion:
        """Write the channel's data to the pipe as it comes and close the pipe at the end of data."""
        return self._divert(channel, pipe)

    def swallow(self, channel: Channel) -> Diversion:
        """Throw away the channel's data as it comes."""
        diversion = self._diversions.get(channel.chanid)
        if diversion is None:
            return self._divert(channel, None)
        diversion.swallow()
        return diversion

    def _divert(self, channel: Channel, pipe: int | None) -> Diversion:
        diversion = Diversion(self, channel, pipe)
        with self._feeding:
            self._diversions[channel.chanid] = diversion
            diversion.drain()
            self.packets.sinks[channel.chanid] = diversion.take
        diversion.start()
        return diversion

    def forget(self, channel: Channel) -> None:
        """End the diversion of the channel."""
        self.packets.sinks.pop(channel.chanid, None)
        diversion = self._diversions.pop(channel.chanid, None)
        if diversion:
            diversion.end()

    def send_on_channel(self, message: Message) -> None:
        """Send a message, after a key exchange that may be under way."""
        self._send_user_message(message)  # type: ignore[attr-defined] # not in the stubs

    def read_key(self, algorithm: str, blob: bytes) -> PKey:
        """Return the public key of an algorithm that we take; raises when it is mangled."""
        kinds: dict[str, Callable[[Message], PKey]] = self._key_info  # type: ignore[attr-defined]
        return kinds[algorithm](Message(blob))

    def hang_up(self, reason: str, code: int = DISCONNECT_BY_APPLICATION) -> None:
        """Tell the client why and close the connection."""
        with contextlib.suppress(OSError, EOFError):
            self._send_message(_disconnect(reason, code))  # type: ignore[attr-defined]
        self.close()

    def close(self) -> None:
        """Close the connection at once; a blocked read ends too."""
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)
        super().close()

    def _feed_channel(self, channel: Channel, message: Message) -> None:
        with self._feeding:
            diversion = self._diversions.get(channel.chanid)
            if diversion is None:
                HANDLERS[MSG_CHANNEL_DATA](channel, message)
                return
        piece = memoryview(message.get_binary())
        diversion.take([piece], len(piece))

    def _end_of_channel(self, channel: Channel, message: Message) -> None:
        HANDLERS[MSG_CHANNEL_EOF](channel, message)
        self._end_of_data(channel)

    def _close_of_channel(self, channel: Channel, message: Message) -> None:
        HANDLERS[MSG_CHANNEL_CLOSE](channel, message)
        self._end_of_data(channel)
        self.guest.closed(channel)

    def _end_of_data(self, channel: Channel) -> None:
        diversion = self._diversions.get(channel.chanid)
        if diversion:
            diversion.end()

    def _parse_newkeys(self, message: Message) -> None:
        if self.auth_handler is None:
            self.auth_handler = KeysOnly(self, self._auth_tries)
        super()._parse_newkeys(message)  # type: ignore[misc]

    def _queue_incoming_channel(self, channel: Channel) -> None:
        self.guest.opened(channel)

    def _request_on_channel(self, channel: Channel, message: Message) -> None:
        HANDLERS[MSG_CHANNEL_REQUEST](channel, message)
        self.guest.answered(channel)

    def _parse_channel_open(self, message: Message) -> None:
        kind = message.get_text()
        if kind == "session":
            message.rewind()
            super()._parse_channel_open(message)  # type: ignore[misc]
            return
        self._refuse_channel(message.get_int(), kind)

    def _refuse_channel(self, number: int, kind: str) -> None:
        refusal = Message()
        refusal.add_byte(cMSG_CHANNEL_OPEN_FAILURE)
        refusal.add_int(number)
        refusal.add_int(OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED)
        refusal.add_string(errors.nothing_is_forwarded(kind))
        refusal.add_string("en")
        self._send_message(refusal)  # type: ignore[attr-defined]


def turn_away(sock: socket.socket, reason: str) -> None:
    """Say why on a connection that gets no transport, and close it.

    A disconnect may come right after the identification, before any key is exchanged.
    """
    payload = _disconnect(reason, DISCONNECT_TOO_MANY_CONNECTIONS).asbytes()
    padding = 16 - (len(payload) + 5) % 8
    packet = struct.pack(">IB", len(payload) + padding + 1, padding) + payload + bytes(padding)
    with contextlib.suppress(OSError), sock:
        sock.settimeout(1)
        sock.sendall(f"{IDENTIFICATION}\r\n".encode() + packet)
        sock.shutdown(socket.SHUT_WR)
        sock.recv(256)


def _disconnect(reason: str, code: int) -> Message:
    message = Message()
    message.add_byte(cMSG_DISCONNECT)
    message.add_int(code)
    message.add_string(reason)
    message.add_string("en")
    return message
