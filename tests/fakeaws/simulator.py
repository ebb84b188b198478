"""The simulator as tests and people hold it: a process of its own that ends with its owner."""

import json
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import boto3
import httpx
from botocore.config import Config

from tests.fakeaws.environment import prepare

ROOT = Path(__file__).parents[2]
KEYS = {"AWS_ACCESS_KEY_ID": "simulated", "AWS_SECRET_ACCESS_KEY": "simulated"}


class Simulator:
    """A simulated AWS account. A context manager; its containers are gone when it is closed.

    `endpoint` answers the API; `alb_port` and `internal_port` are the public and the internal load
    balancers' data planes on 127.0.0.1 (send `Host:`); `registry` is ECR's, `host:port`.
    """

    def __init__(self, folder: Path, *, port: int = 0, alb_port: int = 0, pace: float = 10) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        arguments = ["--folder", str(folder), "--pace", str(pace), "--tied"]
        arguments += ["--port", str(port), "--alb-port", str(alb_port)]
        self._log = (folder / "simulator.log").open("wb")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.fakeaws", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            cwd=ROOT,
        )
        facts = self._first_line(folder / "simulator.log")
        self.id: str = facts["id"]
        self.endpoint: str = facts["endpoint"]
        self.registry: str = facts["registry"]
        self.alb_port: int = facts["alb_port"]
        self.internal_port: int = facts["internal_port"]
        self._settings: dict[str, str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def client(self, service: str, config: Config | None = None) -> Any:
        """Return a boto3 client of the simulated account."""
        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            config=config,
            aws_access_key_id=KEYS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=KEYS["AWS_SECRET_ACCESS_KEY"],
        )

    def settings(self) -> dict[str, str]:
        """Return EMPIRE_AWS_* of an environment that is ready; made at the first call."""
        if not self._settings:
            made = prepare(self.client)
            self._settings = {"EMPIRE_AWS_ENDPOINT_URL": self.endpoint, **made}
        return dict(self._settings)

    def adopt(self, settings: dict[str, str]) -> None:
        """Let settings() be those of an environment that somebody else has made."""
        self._settings = dict(settings)

    def ask(self, path: str, wish: object = None) -> Any:
        """Ask the simulator itself something that AWS does not know."""
        answer = httpx.post(f"{self.endpoint}/simulator/{path}", json=wish)
        answer.raise_for_status()
        return answer.json()

    def throttle(self, is_on: bool) -> None:
        """Refuse requests over AWS's published rates, or let all pass."""
        self.ask("throttle", is_on)

    def refused(self) -> dict[str, int]:
        """Return how many requests were refused since throttling was switched on, by operation."""
        counted: dict[str, int] = self.ask("refused")
        return counted

    def listener_ports(self) -> dict[str, int]:
        """Return the port of every listener on 127.0.0.1, by its ARN."""
        ports: dict[str, int] = self.ask("listeners")
        return ports

    def close(self) -> None:
        """End the process, which removes its containers."""
        if self._process.poll() is None:
            self._process.communicate(timeout=60)
        for stream in (self._process.stdin, self._process.stdout, self._log):
            if stream:
                stream.close()

    def _first_line(self, log: Path) -> dict[str, Any]:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            self._process.wait(60)
            raise RuntimeError(f"The simulator did not start: {log.read_text()}")
        facts: dict[str, Any] = json.loads(line)
        return facts
