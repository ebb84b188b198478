"""Where processes listen, read from this machine's kernel."""

import os
import socket
import sys

import pytest

from deployer.local import listeners
from deployer.local.listeners import diagnosis

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's /proc")


def test_listeners_of_both_families() -> None:
    four, six = socket.create_server(("127.0.0.1", 0)), socket.socket(socket.AF_INET6)
    with four, six:
        six.bind(("::1", 0))
        six.listen()
        found = listeners.listeners(os.getpid())

        assert found is not None
        assert four.getsockname() in found
        assert six.getsockname()[:2] in found


def test_nothing_is_said_where_the_kernel_shows_nothing() -> None:
    assert diagnosis(2**22 + 1, 8080) == ""


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (set(), "It listens on no port."),
        ({("127.0.0.1", 8080)}, "It listens on 127.0.0.1 port 8080 only."),
        ({("::1", 8080)}, "It listens on ::1 port 8080 only."),
        ({("127.0.0.1", 8080), ("0.0.0.0", 8080)}, "It listens on port 8080; look for"),
        ({("0.0.0.0", 5000), ("::", 5000), ("::", 81)}, "It listens on port 5000, 81, not on 8080"),
    ],
)
def test_diagnosis(found: set[tuple[str, int]], said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listeners, "listeners", lambda pid: found)
    assert diagnosis(1, 8080).startswith(said)
