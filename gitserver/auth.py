"""The door's check of who comes in: public keys only, a few tries, kind to agents with odd keys."""

from paramiko import AUTH_FAILED, AUTH_SUCCESSFUL, PKey, Transport
from paramiko.auth_handler import AuthHandler
from paramiko.common import DISCONNECT_NO_MORE_AUTH_METHODS_AVAILABLE
from paramiko.message import Message

from gitserver import errors


class UnknownKey(PKey):
    """Stands for a key of a kind that is not taken; nothing it signs is believed."""

    def __init__(self, algorithm: str) -> None:
        self.algorithm = algorithm

    def verify_ssh_sig(self, data: bytes, msg: Message) -> bool:
        """Return False."""
        return False


class KeysOnly(AuthHandler):
    """paramiko's server side of authentication with our number of tries."""

    def __init__(self, transport: Transport, tries: int) -> None:
        super().__init__(transport)
        self._tries_left = tries

    def _generate_key_from_request(self, algorithm: str, keyblob: bytes) -> PKey:
        # Returning None would end the connection, and an agent may offer a good key next.
        if algorithm not in self.transport.preferred_pubkeys:
            return UnknownKey(algorithm)
        key: PKey = self.transport._key_info[algorithm](Message(keyblob))  # noqa: SLF001
        return key

    def _send_auth_result(self, username: str, method: str, result: int) -> None:
        if result != AUTH_SUCCESSFUL and method != "none":
            self._tries_left -= 1
        if self._tries_left <= 0 and result == AUTH_FAILED:
            self.transport.hang_up(
                errors.too_many_tries(), DISCONNECT_NO_MORE_AUTH_METHODS_AVAILABLE
            )
            return
        super()._send_auth_result(username, method, result)
