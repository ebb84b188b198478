"""The connection to the Docker Engine: made at first use, shared by threads, its failures in words."""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import Any

import docker
import requests
from docker.errors import APIError, DockerException, NotFound
from docker.types import CancellableStream
from docker.utils import kwargs_from_env

from deployer.local import errors
from empire.settings import Settings

UNIX = "unix://"
DEFAULT_ADDRESS = "unix:///var/run/docker.sock"
TIMEOUT_SECONDS = 60
POOL_SIZE = 64
"""Connections kept for reuse; a start uses one per dyno."""
SHARES_BOOTING, SHARES_UP = 256, 1024
"""The CPU weight of a dyno until it serves, and then: those that serve go first."""
KEPT_UP = "unless-stopped"
"""The restart policy of a dyno that serves; until then it has none."""
GONE_CODES = (404, 409)
"""Not there any more, or another call is removing it: both are fine for whoever wants it gone."""


class Engine:
    """One Docker Engine. Raises Unavailable where it does not answer.

    `before_remove` is called with each container that has ended, before it is removed.
    """

    def __init__(self, settings: Settings) -> None:
        self.before_remove: Callable[[str], None] = lambda _container: None
        self._address = settings.docker_host
        self._connecting = threading.Lock()
        self._client: docker.APIClient | None = None

    @property
    def api(self) -> docker.APIClient:
        """The engine's API. The client may be used by any thread."""
        with self._connecting:
            if self._client is None:
                self._client = self._connect()
            return self._client

    @cached_property
    def about(self) -> dict[str, Any]:
        """What the engine says of itself and its machine."""
        with speaking("describe itself"):
            about: dict[str, Any] = self.api.info()
            return about

    @property
    def cores(self) -> int:
        """The number of processors of the engine's machine."""
        return int(self.about.get("NCPU") or 1)

    @property
    def has_reachable_bridge(self) -> bool:
        """Tell whether a container's own address can be reached from here.

        Not so where the engine lives in a virtual machine, on another host, or in a network
        namespace of its own (rootless).
        """
        is_local = self.api.base_url.startswith("http+docker://") and sys.platform == "linux"
        is_virtual = "Docker Desktop" in str(self.about.get("OperatingSystem"))
        is_rootless = "name=rootless" in (self.about.get("SecurityOptions") or ())
        return is_local and not is_virtual and not is_rootless

    @property
    def address(self) -> str:
        """Where the engine listens: unix://PATH or tcp://HOST:PORT."""
        return self._address or kwargs_from_env().get("base_url") or DEFAULT_ADDRESS

    def create(self, body: dict[str, Any], name: str) -> str:
        """Create a container from the engine's own kind of description; return its id."""
        made = self.api.create_container_from_config(body, name=name)  # type: ignore[no-untyped-call]
        return str(made["Id"])

    def keep_up(self, container: str) -> None:
        """Let the engine start the container again when it crashes and when the machine boots."""
        self.api.update_container(
            container,
            restart_policy={"Name": KEPT_UP},  # type: ignore[arg-type]
            cpu_shares=SHARES_UP,
        )

    def image(self, reference: str) -> dict[str, Any] | None:
        """Return what the engine knows of an image; None when it has none of that name."""
        try:
            found: dict[str, Any] = self.api.inspect_image(reference)  # type: ignore[no-untyped-call]
        except NotFound:
            return None
        return found

    def close(self) -> None:
        """Close the connections; the next use opens new ones."""
        with self._connecting:
            if self._client is not None:
                self._client.close()
                self._client = None

    def _connect(self) -> docker.APIClient:
        address = self.address
        if address.startswith(UNIX) and not Path(address.removeprefix(UNIX)).exists():
            raise errors.no_engine(f"There is no {address.removeprefix(UNIX)}.")
        with speaking("open a connection"):
            client = docker.APIClient(
                version="auto",
                timeout=TIMEOUT_SECONDS,
                num_pools=4,
                max_pool_size=POOL_SIZE,
                **self._where,
            )
        # No proxy and no netrc leads to a socket, and to look for them is a third of a request.
        client.trust_env = not address.startswith(UNIX)
        return client

    @property
    def _where(self) -> dict[str, Any]:
        return {"base_url": self._address} if self._address else {**kwargs_from_env()}


@contextmanager
def speaking(doing: str) -> Iterator[None]:
    """Turn the client library's errors into errors for people."""
    try:
        yield
    except APIError as error:
        raise errors.engine_refused(doing, explained(error)) from error
    except (DockerException, requests.RequestException) as error:
        raise errors.no_engine(str(error)) from error


@contextmanager
def tolerating_gone() -> Iterator[None]:
    """Let pass what is not there any more or is being removed by somebody else."""
    try:
        yield
    except APIError as error:
        if error.status_code not in GONE_CODES:
            raise


def close_stream(stream: "CancellableStream[Any]") -> None:
    """End a stream that another thread may be reading; closing the response itself would wait."""
    with suppress(OSError, AttributeError):  # it ended by itself meanwhile
        stream.close()


def explained(error: APIError) -> str:
    """Return the engine's own words."""
    return str(error.explanation or error)
