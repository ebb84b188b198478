"""A real app process on loopback, whose every answer is its version."""

import http.client
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from empire.manifest import Target

APP = Path(__file__).parent / "fixtures" / "apps" / "traffic" / "app.py"


class Backend:
    """The traffic app with one version, at `target`."""

    def __init__(self, version: str, *, port: int = 0) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(APP)],
            env={"VERSION": version, "PORT": str(port)},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout
        listens_at = int(self.process.stdout.readline().rsplit(" ", 1)[1])
        self.target = Target("127.0.0.1", listens_at)

    def end(self) -> None:
        """Send SIGTERM, on which it exits at once."""
        self.process.terminate()
        self.process.wait(60)
        assert self.process.stdout
        self.process.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.end()


def ask(
    port: int, hostname: str, path: str = "/", *, method: str = "GET", timeout_seconds: float = 10
) -> tuple[int, str]:
    """Return status and body of a request on a new connection to loopback."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout_seconds)
    try:
        connection.request(method, path, headers={"Host": hostname})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()
