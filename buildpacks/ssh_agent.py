"""An SSH agent with one key, for the steps of a build that ask for it by an ssh mount.

It tells the public key and signs; the private key never leaves this process (draft-miller-ssh-agent).
"""

import base64
import struct
from collections.abc import Iterator
from dataclasses import dataclass

import structlog
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_ssh_private_key,
)

from buildpacks import refusals
from buildpacks.protobuf import Message, bytes_field

CHECK_AGENT = "/moby.sshforward.v1.SSH/CheckAgent"
FORWARD_AGENT = "/moby.sshforward.v1.SSH/ForwardAgent"
ID_HEADER = "buildkit.ssh.id"
DEFAULT_ID = "default"
FAILURE, LIST, LISTED, SIGN, SIGNED = 5, 11, 12, 13, 14
RSA_HASHES = {2: ("rsa-sha2-256", hashes.SHA256()), 4: ("rsa-sha2-512", hashes.SHA512())}
CURVE_HASHES = {256: hashes.SHA256(), 384: hashes.SHA384(), 521: hashes.SHA512()}
REQUEST_MAX = 1 << 18
Private = ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Key:
    """A private key, and its public half as SSH writes it."""

    private: Private
    blob: bytes

    @classmethod
    def of(cls, name: str, text: str) -> "Key":
        """Read a private key from the config var of this name; raises InvalidInput."""
        content = text.replace("\\n", "\n").strip().encode() + b"\n"
        load = load_ssh_private_key if b"BEGIN OPENSSH" in content else load_pem_private_key
        try:
            private = load(content, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            # Not the error's own words: nobody promises that they hold nothing of the key.
            log.info("a deploy key cannot be read", name=name, kind=type(error).__name__)
            raise refusals.unreadable_key(name) from None
        if not isinstance(private, Private):
            raise refusals.unreadable_key(name)
        public = private.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
        return cls(private, base64.b64decode(public.split()[1]))

    def signature(self, content: bytes, flags: int) -> bytes:
        """Return the signature as SSH writes it, empty where the flags ask for an old kind."""
        match self.private:
            case ed25519.Ed25519PrivateKey():
                return _text(b"ssh-ed25519") + _text(self.private.sign(content))
            case rsa.RSAPrivateKey():
                return _rsa(self.private, content, flags)
            case _:
                return _ecdsa(self.private, content)


class Conversation:
    """One connection to the agent. `take` what is asked, send what `pieces` yields."""

    def __init__(self, key: Key) -> None:
        self._key = key
        self._received = bytearray()
        self._replies: list[bytes] = []
        self._is_over = False

    def take(self, message: bytes) -> None:
        """Take some bytes of the connection, as BuildKit wraps them."""
        self._received += Message.of(message).bytes(1)
        while not self._is_over and len(self._received) >= 4:
            size = int.from_bytes(self._received[:4], "big")
            self._is_over = size > REQUEST_MAX
            if len(self._received) < 4 + size:
                return
            request = bytes(self._received[4 : 4 + size])
            del self._received[: 4 + size]
            self._replies.append(_text(self._reply(request)))

    def end(self) -> None:
        """Answer what was asked, and then no more."""
        self._is_over = True

    def pieces(self) -> Iterator[bytes]:
        """Yield answers as gRPC sends them; an empty piece: the other side has to speak first."""
        while True:
            replies, self._replies = self._replies, []
            for reply in replies:
                message = bytes_field(1, reply)
                yield b"\0" + len(message).to_bytes(4, "big") + message
            if self._is_over:
                return
            yield b""

    def _reply(self, request: bytes) -> bytes:
        if request[:1] == bytes([LIST]):
            listed = struct.pack(">BI", LISTED, 1)
            return listed + _text(self._key.blob) + _text(b"deploy key")
        if request[:1] == bytes([SIGN]):
            blob, rest = _first(request[1:])
            content, rest = _first(rest)
            flags = int.from_bytes(rest[:4], "big")
            if blob == self._key.blob and (made := self._key.signature(content, flags)):
                return bytes([SIGNED]) + _text(made)
        return bytes([FAILURE])


def _rsa(key: rsa.RSAPrivateKey, content: bytes, flags: int) -> bytes:
    name, hash_ = RSA_HASHES.get(flags & 6, ("", None))
    if hash_ is None:
        return b""
    return _text(name.encode()) + _text(key.sign(content, padding.PKCS1v15(), hash_))


def _ecdsa(key: ec.EllipticCurvePrivateKey, content: bytes) -> bytes:
    signed = key.sign(content, ec.ECDSA(CURVE_HASHES[key.key_size]))
    numbers = b"".join(map(_number, utils.decode_dss_signature(signed)))
    return _text(f"ecdsa-sha2-nistp{key.key_size}".encode()) + _text(numbers)


def _number(value: int) -> bytes:
    return _text(value.to_bytes(value.bit_length() // 8 + 1, "big"))


def _text(content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + content


def _first(content: bytes) -> tuple[bytes, bytes]:
    """Return the first string, and what follows it."""
    end = 4 + int.from_bytes(content[:4], "big")
    return content[4:end], content[end:]
