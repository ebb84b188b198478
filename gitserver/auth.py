"""The door's check of who comes in: public keys only, a few tries, kind to agents with odd keys."""

from typing import TYPE_CHECKING, Any

from paramiko import PKey
from paramiko.auth_handler import AuthHandler
from paramiko.common import (
    AUTH_FAILED,
    AUTH_SUCCESSFUL,
    DISCONNECT_NO_MORE_AUTH_METHODS_AVAILABLE,
)

from gitserver import errors

if TYPE_CHECKING:
    from gitserver.transport import SshTransport


class UnknownKey(PKey):
    """Stands for a key of a kind that is not taken; nothing it signs is believed."""

    def __init__(self, algorithm: str) -> None:
        self.algorithm = algorithm

    def verify_ssh_sig(self, *_: Any) -> bool:
        """Return False."""
        return False


class KeysOnly(AuthHandler):
    """paramiko's server side of authentication with our number of tries."""

    def __init__(self, transport: "SshTransport", tries: int) -> None:
        super().__init__(transport)
        self._ssh = transport
        self._tries_left = tries

    def _generate_key_from_request(self, algorithm: str, keyblob: bytes) -> PKey:
        # Returning None would end the connection, and an agent may offer a good key next.
        if algorithm not in self._ssh.preferred_pubkeys:
            return UnknownKey(algorithm)
        return self._ssh.read_key(algorithm, keyblob)

    def _send_auth_result(self, username: str, method: str, result: int) -> None:
        if result != AUTH_SUCCESSFUL and method != "none":
            self._tries_left -= 1
        if self._tries_left <= 0 and result == AUTH_FAILED:
            self._ssh.hang_up(errors.too_many_tries(), DISCONNECT_NO_MORE_AUTH_METHODS_AVAILABLE)
            return
        super()._send_auth_result(username, method, result)  # type: ignore[misc] # not in the stubs
