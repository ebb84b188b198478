"""The whole product as a person meets it: a server process, real git and ssh, the empire command.

Everything lives under one folder with ports of its own; `close` leaves nothing on the engine.
"""

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import docker
import httpx

from cli.client import ACCEPT
from cli.netrc import token_of
from deployer.local.keeper import shutdown
from tests.waiting import PATIENCE_SECONDS, wait_until

ROOT = Path(__file__).parent.parent
PASSED_ON = ("COVERAGE_", "DOCKER_", "SSL_CERT_")  # what a server needs of the tests' environment


def free_port() -> int:
    """Return a TCP port of loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Product:
    """One installation in a folder. `settings` are EMPIRE_ variables without the prefix."""

    folder: Path
    settings: dict[str, str] = field(default_factory=dict)
    ssh_port: int = field(default_factory=free_port)
    api_port: int = field(default_factory=free_port)
    http_port: int = field(default_factory=free_port)
    https_port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def home(self) -> Path:
        """The server's EMPIRE_HOME."""
        return self.folder / "empire"

    @property
    def instance(self) -> str:
        """What labels this server's containers."""
        return (self.home / "instance").read_text()

    @property
    def environment(self) -> dict[str, str]:
        """The environment of the server and of all commands: a person's own, in the folder."""
        person = self.folder / "person"
        ssh = (
            f"ssh -i {person}/.ssh/id_ed25519 -o IdentitiesOnly=yes -o StrictHostKeyChecking=no"
            " -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR"
        )
        return {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "HOME": str(person),
            "LANG": "C.UTF-8",
            "GIT_SSH_COMMAND": ssh,
            "GIT_CONFIG_NOSYSTEM": "1",
            "EMPIRE_HOME": str(self.home),
            "EMPIRE_SSH_PORT": str(self.ssh_port),
            "EMPIRE_API_PORT": str(self.api_port),
            "EMPIRE_HTTP_PORT": str(self.http_port),
            "EMPIRE_HTTPS_PORT": str(self.https_port),
            "EMPIRE_URL": f"http://127.0.0.1:{self.api_port}",
            **{f"EMPIRE_{name}": value for name, value in self.settings.items()},
            **{name: os.environ[name] for name in os.environ if name.startswith(PASSED_ON)},
        }

    def start(self) -> None:
        """Start the server and return when it says that it is up."""
        self._prepare_person()
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "cli.main", "serve"],
                env=self.environment, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        ups = self._times_up()
        wait_until(lambda: self._times_up() > ups or self._is_dead(), "the server is up")
        assert not self._is_dead(), self.log.read_text(errors="replace")[-4000:]

    def stop(self) -> None:
        """Stop the server in its orderly way."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End the server at once, as a power cut would."""
        self._signal(signal.SIGKILL)

    @property
    def log(self) -> Path:
        """What the server printed."""
        return self.folder / "server.log"

    def run(
        self, *command: str, cwd: Path | None = None, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run a command as the person and return what it printed."""
        done = subprocess.run(
            command, cwd=cwd or self.folder, env=self.environment, capture_output=True, text=True,
            timeout=300, check=False, errors="replace", stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert not check or done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done

    def empire(
        self, *words: str, cwd: Path | None = None, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run the empire command."""
        return self.run(sys.executable, "-m", "cli.main", *words, cwd=cwd, check=check)

    @property
    def token(self) -> str:
        """The person's token for the API."""
        file = self.folder / "person" / ".netrc"
        return token_of(file, f"127.0.0.1:{self.api_port}") or ""

    def api(self, path: str, method: str = "GET") -> Any:
        """Return what the API answers to the person."""
        answer = httpx.request(
            method, f"http://127.0.0.1:{self.api_port}{path}", timeout=60, trust_env=False,
            headers={"Accept": ACCEPT, "Authorization": f"Bearer {self.token}"},
        )  # fmt: skip
        assert answer.is_success, answer.text
        return answer.json()

    def url(self, app: str) -> str:
        """Return the address that the app is pushed to."""
        return f"ssh://git@127.0.0.1:{self.ssh_port}/{app}.git"

    def repository(self, name: str, files: dict[str, str]) -> Path:
        """Return a git repository with one commit of the files and the remote `empire`."""
        folder = self.folder / name
        folder.mkdir()
        self.run("git", "init", "-q", "-b", "main", cwd=folder)
        self.run("git", "remote", "add", "empire", self.url(name), cwd=folder)
        self.commit(folder, files, "First version")
        return folder

    def commit(self, repository: Path, files: dict[str, str], subject: str) -> str:
        """Commit the files and return the commit's id."""
        for path, text in files.items():
            (repository / path).parent.mkdir(parents=True, exist_ok=True)
            (repository / path).write_text(text)
        self.run("git", "add", "-A", cwd=repository)
        self.run("git", "commit", "-q", "--allow-empty", "-m", subject, cwd=repository)
        return self.run("git", "rev-parse", "HEAD", cwd=repository).stdout.strip()

    def push(
        self, repository: Path, *options: str, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Push HEAD to main."""
        return self.run(
            "git", "push", *options, "empire", "HEAD:refs/heads/main", cwd=repository, check=check
        )

    def pushing(self, repository: Path, *options: str) -> subprocess.Popen[bytes]:
        """Begin to push HEAD to main and return the running git."""
        return subprocess.Popen(
            ["git", "push", *options, "empire", "HEAD:refs/heads/main"],
            cwd=repository, env=self.environment,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def ask(self, app: str, path: str = "/", seconds: float = 15) -> tuple[int, str]:
        """Return status and body of a request to the app through the router."""
        return self.ask_host(f"{app}.localhost", path, seconds)

    def ask_host(self, host: str, path: str = "/", seconds: float = 15) -> tuple[int, str]:
        """Return status and body of a request to the host name through the router."""
        connection = http.client.HTTPConnection("127.0.0.1", self.http_port, timeout=seconds)
        with contextlib.closing(connection):
            connection.request("GET", path, headers={"Host": host})
            answer = connection.getresponse()
            return answer.status, answer.read().decode(errors="replace")

    def containers(self, app: str = "") -> list[str]:
        """Return the names of this server's containers, also of those that do not run."""
        labels = [f"empire.instance={self.instance}", *([f"empire.app={app}"] if app else [])]
        with _engine() as engine:
            found = engine.api.containers(all=True, filters={"label": labels})
            return sorted(container["Names"][0].removeprefix("/") for container in found)

    def images(self, app: str = "") -> set[str]:
        """Return the ids of this server's images, of one app or of all."""
        labels = [f"empire.instance={self.instance}", *([f"empire.app={app}"] if app else [])]
        with _engine() as engine:
            return {image["Id"] for image in engine.api.images(filters={"label": labels})}

    def quarantines(self) -> list[Path]:
        """Return the folders of pushes that are not live yet."""
        return sorted((self.home / "repos").glob("*.git/incoming/*"))

    def close(self) -> None:
        """Stop everything and remove what it left on the engine."""
        if self.process and self.process.poll() is None:
            self.stop()
        if not (self.home / "instance").exists():
            return
        shutdown(self.home)
        with _engine() as engine:
            for container in self.containers():
                with contextlib.suppress(docker.errors.APIError):  # it is ending by itself
                    engine.api.remove_container(container, force=True)
            for image in self.images():
                with contextlib.suppress(docker.errors.APIError):
                    engine.api.remove_image(image, force=True)

    def _prepare_person(self) -> None:
        person = self.folder / "person"
        (person / ".ssh").mkdir(parents=True, exist_ok=True, mode=0o700)
        if (person / ".gitconfig").exists():
            return
        (person / ".gitconfig").write_text("[user]\n\tname = Ann\n\temail = ann@example.com\n")
        key = str(person / ".ssh" / "id_ed25519")
        self.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "ann", "-f", key)

    def _times_up(self) -> int:
        return (
            self.log.read_text(errors="replace").count("Empire is up") if self.log.exists() else 0
        )

    def _is_dead(self) -> bool:
        return self.process is None or self.process.poll() is not None

    def _signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)
        self.process.wait(PATIENCE_SECONDS)


@contextmanager
def _engine() -> Iterator[docker.DockerClient]:
    with contextlib.closing(docker.from_env()) as engine:
        yield engine


@contextmanager
def product(folder: Path, **settings: str) -> Iterator[Product]:
    """Yield a running product; everything of it is gone afterwards."""
    installed = Product(folder, settings)
    try:
        installed.start()
        yield installed
    finally:
        installed.close()
