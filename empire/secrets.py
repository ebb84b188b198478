"""Secrets: a type that never shows itself, and the sealing of values at rest."""

import hashlib
import hmac
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from empire.errors import Unavailable
from empire.files import write_once


class Secret:
    """A value that must not be shown. `reveal()` is the only way to it; repr and str hide it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the value itself."""
        return self._value

    def __repr__(self) -> str:
        return "[redacted]"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._value == other._value

    def __hash__(self) -> int:
        return hash(self._value)


class Vault:
    """Seals and unseals values with the keys of one file, newest first.

    A new key is a new first line: old values stay readable, new ones use the new key.
    """

    def __init__(self, key_file: Path) -> None:
        """Read the keys; make the file with a fresh key (mode 0600) where there is none.

        Raises Unavailable when the file holds something else.
        """
        keys = write_once(key_file, Fernet.generate_key).split()
        try:
            self._fernet = MultiFernet([Fernet(key) for key in keys])
        except ValueError:
            raise Unavailable(
                f"The keys in {key_file} cannot be used.",
                why="Each line has to be 32 bytes in base64.",
                fix="Put the file from your backup in its place: what it sealed needs it.",
            ) from None
        self._signing_keys = [hashlib.sha256(b"empire signs with " + key).digest() for key in keys]

    def seal(self, secret: Secret) -> bytes:
        """Return the secret encrypted, with its time and a checksum (Fernet)."""
        return self._fernet.encrypt(secret.reveal().encode("utf-8", "surrogateescape"))

    def unseal(self, sealed: bytes) -> Secret:
        """Return the secret; raises Unavailable when no key of the file fits."""
        try:
            return Secret(self._fernet.decrypt(sealed).decode("utf-8", "surrogateescape"))
        except InvalidToken:
            raise Unavailable(
                "A stored secret cannot be read.",
                why="It was sealed with a key that master.key does not hold.",
                fix="Put the master.key that belongs to this database back in its place.",
            ) from None

    def sign(self, text: str) -> str:
        """Return a mark that only the holder of the key file can make for this text (HMAC-SHA256)."""
        return _mark(self._signing_keys[0], text)

    def is_signed(self, text: str, mark: str) -> bool:
        """Tell whether the mark was made for this text with any key of the file."""
        given = mark.encode("utf-8", "replace")
        return any(
            hmac.compare_digest(_mark(key, text).encode(), given) for key in self._signing_keys
        )


def _mark(key: bytes, text: str) -> str:
    return hmac.new(key, text.encode("utf-8", "surrogateescape"), hashlib.sha256).hexdigest()
