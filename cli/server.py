"""Which server to talk to."""

from dataclasses import dataclass

DEFAULT_URL = "http://127.0.0.1:5000"


@dataclass(frozen=True, slots=True)
class Server:
    """The server to talk to. An empty token means the one in ~/.netrc."""

    url: str
    token: str
