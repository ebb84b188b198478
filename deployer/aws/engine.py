"""The Docker Engine that builds: it sends images to the registry, as it alone has them."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import docker
import requests
import structlog
from docker.errors import APIError, DockerException, NotFound
from docker.utils import kwargs_from_env

from deployer.aws import errors
from empire.settings import Settings

SILENT_SECONDS = 300
"""How long a push may say nothing: the engine itself tries a layer again a few times."""

Row = dict[str, Any]
"""One message of the engine while it pushes."""

log = structlog.get_logger()


class Engine:
    """One engine, connected to at first use. Raises Unavailable where it does not answer."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._connecting = threading.Lock()
        self._client: docker.APIClient | None = None

    def push(self, image: str, place: str, tag: str, password: str) -> Iterator[Row]:
        """Send an image to a place in the registry; yield what the engine tells meanwhile."""
        login = {"username": "AWS", "password": password}
        with _speaking("push an image"):
            try:
                self._api.tag(image, place, tag)
            except NotFound:
                raise errors.image_not_built(place) from None
            yield from self._api.push(place, tag, stream=True, decode=True, auth_config=login)

    def forget(self, app: str, keep: frozenset[str]) -> None:
        """Remove the app's images of this server from the engine, but those of the digests."""
        mine = [f"empire.instance={self._settings.instance}", f"empire.app={app}"]
        with _speaking(f"remove images of {app}"):
            for image in self._api.images(filters={"label": mine}):
                digests = {name.rpartition("@")[2] for name in image["RepoDigests"] or ()}
                if not digests & keep:
                    self._remove(image)

    def close(self) -> None:
        """Close the connections."""
        with self._connecting:
            if self._client is not None:
                self._client.close()
                self._client = None

    @property
    def _api(self) -> docker.APIClient:
        with self._connecting:
            if self._client is None:
                address = self._settings.docker_host
                where = {"base_url": address} if address else {**kwargs_from_env()}
                self._client = docker.APIClient(version="auto", timeout=SILENT_SECONDS, **where)
            return self._client

    def _remove(self, image: Row) -> None:
        names = [name for name in image["RepoTags"] or () if name != "<none>:<none>"]
        for name in names or [image["Id"]]:
            try:
                self._api.remove_image(name)
            except NotFound:
                continue
            except APIError as error:  # something runs it, or another image is built on it
                log.info("An image stays.", image=name, reason=str(error.explanation or error))


@contextmanager
def _speaking(doing: str) -> Iterator[None]:
    """Turn the client library's errors into errors for people."""
    try:
        yield
    except APIError as error:
        raise errors.engine_refused(doing, str(error.explanation or error)) from error
    except (DockerException, requests.RequestException) as error:
        raise errors.no_engine(str(error)) from error
