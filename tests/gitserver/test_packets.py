"""The bulk reader against bytes that no client sends."""

import os
import socket
import struct
import threading
from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from paramiko.packet import NeedRekeyException
from paramiko.ssh_exception import SSHException

from gitserver.packets import PACKET_MAX_BYTES, Packets

KEY, NONCE = bytes(16), bytes(12)


class Sender:
    """The other end of the line."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._count = 0

    def sealed(self, payload: bytes) -> bytes:
        padding = 20 - (len(payload) + 5) % 16
        plain = bytes([padding]) + payload + bytes(padding)
        plain += bytes(-len(plain) % 16)
        plain = bytes([plain[0] + len(plain) - 1 - len(payload) - padding]) + plain[1:]
        length = struct.pack(">I", len(plain))
        nonce = NONCE[:4] + self._count.to_bytes(8)
        self._count += 1
        return length + AESGCM(KEY).encrypt(nonce, plain, length)

    def send(self, *payloads: bytes) -> None:
        self.sock.sendall(b"".join(map(self.sealed, payloads)))


def data(channel: int, content: bytes) -> bytes:
    return struct.pack(">BII", 94, channel, len(content)) + content


@pytest.fixture
def line() -> Iterator[tuple[Packets, Sender]]:
    ours, theirs = socket.socketpair()
    ours.settimeout(0.05)
    with ours, theirs:
        packets = Packets(ours)
        packets.set_inbound_cipher(
            AESGCM(KEY), 16, None, 16, None, etm=False, aead=True, iv_in=NONCE
        )
        yield packets, Sender(theirs)


def test_messages_come_one_by_one(line: tuple[Packets, Sender]) -> None:
    packets, sender = line
    sender.send(b"\x50first", b"\x51second")
    assert (packets.read_message()[0], packets.read_message()[0]) == (0x50, 0x51)


def test_diverted_data_goes_to_its_sink_and_the_rest_does_not(
    line: tuple[Packets, Sender],
) -> None:
    packets, sender = line
    taken: dict[int, bytes] = {1: b"", 2: b""}

    def sink(channel: int) -> None:
        def take(pieces: list[memoryview], total: int) -> None:
            assert total == sum(map(len, pieces))
            taken[channel] += b"".join(pieces)

        packets.sinks[channel] = take

    sink(1)
    sink(2)
    blocks = [os.urandom(30_000) for _ in range(100)]
    payloads = [data(1 + number % 2, block) for number, block in enumerate(blocks)]
    writer = threading.Thread(target=sender.send, args=(*payloads, data(3, b"x"), b"\x60end"))
    writer.start()
    assert packets.read_message()[0] == 94
    assert packets.read_message()[0] == 0x60
    writer.join()
    assert taken == {1: b"".join(blocks[::2]), 2: b"".join(blocks[1::2])}


@pytest.mark.parametrize("size", [0, 8, 17, PACKET_MAX_BYTES + 16])
def test_wrong_lengths_end_the_connection(line: tuple[Packets, Sender], size: int) -> None:
    packets, sender = line
    sender.sock.sendall(struct.pack(">I", size) + bytes(64))
    with pytest.raises(SSHException, match="Invalid packet length"):
        packets.read_message()


def test_changed_bytes_end_the_connection(line: tuple[Packets, Sender]) -> None:
    packets, sender = line
    sealed = bytearray(sender.sealed(b"\x50hello"))
    sealed[10] ^= 1
    sender.sock.sendall(sealed)
    with pytest.raises(SSHException, match="Mismatched MAC"):
        packets.read_message()


def test_empty_packets_end_the_connection(line: tuple[Packets, Sender]) -> None:
    packets, sender = line
    sender.send(b"")
    with pytest.raises(SSHException, match="Empty packet"):
        packets.read_message()


def test_the_end_of_the_line_is_the_end(line: tuple[Packets, Sender]) -> None:
    packets, sender = line
    sender.sock.sendall(sender.sealed(b"\x50hello")[:-1])
    sender.sock.close()
    with pytest.raises(EOFError):
        packets.read_message()


def test_a_closed_reader_stops_waiting(line: tuple[Packets, Sender]) -> None:
    packets, _ = line
    packets.close()
    with pytest.raises(EOFError):
        packets.read_message()


def test_a_handshake_has_its_time(line: tuple[Packets, Sender]) -> None:
    packets, _ = line
    packets.start_handshake(0)
    with pytest.raises(EOFError):
        packets.read_message()


def test_a_reader_that_waits_lets_keys_be_exchanged(line: tuple[Packets, Sender]) -> None:
    packets, sender = line
    packets.REKEY_BYTES = 100
    for _ in range(3):
        sender.send(b"\x50" + bytes(100))
        packets.read_message()
    packets._trigger_rekey()  # type: ignore[attr-defined]
    with pytest.raises(NeedRekeyException):
        packets.read_message()


def test_only_aes_gcm_is_read() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, pytest.raises(SSHException, match="Only AES-GCM"):
        Packets(ours).set_inbound_cipher(None, 16, None, 32, b"", etm=True, aead=False)
