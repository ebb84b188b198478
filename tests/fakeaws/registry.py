"""ECR's data plane: Debian's docker-registry on a loopback port, with the login that ECR gives."""

import secrets
import shutil
import socket
import subprocess
import time
from pathlib import Path

import bcrypt
import httpx

from tests.fakeaws import account

MANIFESTS = (
    "application/vnd.docker.distribution.manifest.v2+json, "
    "application/vnd.oci.image.manifest.v1+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json, "
    "application/vnd.oci.image.index.v1+json"
)
START_SECONDS = 60
CONFIG = """\
version: 0.1
log: {{level: error, accesslog: {{disabled: true}}}}
storage:
  filesystem: {{rootdirectory: {folder}/images}}
  delete: {{enabled: true}}
http: {{addr: "{host}", secret: {secret}}}
auth: {{htpasswd: {{realm: ecr, path: {folder}/htpasswd}}}}
notifications:
  endpoints:
    - name: ecr
      url: {listener}
      timeout: 5s
      threshold: 5
      backoff: 1s
"""


class Registry:
    """One docker-registry process; it tells `listener`, a URL, of every push.

    `place` is where it listens, `host` what images are named after: the door in front of it.
    """

    def __init__(self, folder: Path, listener: str) -> None:
        program = shutil.which("docker-registry")
        if program is None:
            raise FileNotFoundError("docker-registry is missing. Run scripts/setup dev.")
        self.login = {"username": "AWS", "password": f"{account.ID}-auth-token"}
        self.place = "127.0.0.1", _free_port()
        inner = f"{self.place[0]}:{self.place[1]}"
        self.host = inner
        folder.mkdir(parents=True, exist_ok=True)
        hashed = bcrypt.hashpw(self.login["password"].encode(), bcrypt.gensalt(4)).decode()
        (folder / "htpasswd").write_text(f"AWS:{hashed}\n")
        secret = secrets.token_hex(16)
        config = CONFIG.format(folder=folder, host=inner, secret=secret, listener=listener)
        (folder / "config.yml").write_text(config)
        self._web = httpx.Client(base_url=f"http://{inner}", auth=("AWS", self._password))
        with (folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [program, "serve", str(folder / "config.yml")], stdout=log, stderr=log, env={}
            )
        self._wait(folder / "log")

    @property
    def _password(self) -> str:
        return self.login["password"]

    def digest_of(self, image: str) -> str:
        """Return the digest of an image that is kept here, empty for one of another registry.

        Raises LookupError when it should be here and is not.
        """
        host, _, path = image.partition("/")
        if host != self.host:
            return ""
        name, _, reference = path.partition("@")
        if not reference:
            name, _, reference = path.partition(":")
        answer = self._web.head(
            f"/v2/{name}/manifests/{reference or 'latest'}", headers={"Accept": MANIFESTS}
        )
        if not answer.is_success:
            raise LookupError(image)
        return answer.headers["Docker-Content-Digest"]

    def manifest(self, name: str, digest: str) -> tuple[str, str]:
        """Return the text and the media type of a manifest."""
        answer = self._web.get(f"/v2/{name}/manifests/{digest}", headers={"Accept": MANIFESTS})
        answer.raise_for_status()
        return answer.text, answer.headers["Content-Type"]

    def delete(self, name: str, digest: str) -> None:
        """Forget a manifest; its tags go with it."""
        self._web.delete(f"/v2/{name}/manifests/{digest}")

    def close(self) -> None:
        """Stop the process."""
        self._web.close()
        self._process.terminate()
        self._process.wait(60)

    def _wait(self, log: Path) -> None:
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end and self._process.poll() is None:
            try:
                self._web.get("/v2/")
            except httpx.TransportError:
                time.sleep(0.02)
            else:
                return
        raise RuntimeError(f"docker-registry did not start: {log.read_text()}")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])
