"""Images that were built elsewhere: found on the engine, or pulled from their registry."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import docker
import requests
from docker.errors import APIError, DockerException, NotFound
from docker.utils import kwargs_from_env

from buildpacks import errors
from empire.docker_logins import login_of
from empire.events import Line, Stage, Stream
from empire.manifest import Image
from empire.names import ImageName, ImageRef, ProcessType
from empire.platform import IsCancelled
from empire.settings import Settings

SILENT_SECONDS = 120
Row = dict[str, Any]


def take(
    settings: Settings, name: ImageName, is_cancelled: IsCancelled
) -> Stream[tuple[Image, str]]:
    """Return the image of that name, pinned, and the app that this server built it for, if any.

    A name without a registry means the engine's own image, where it has it; else the image is
    pulled, with what the server's Docker config knows of the registry. Its own command is the web
    process. Raises BuildFailed, Cancelled, Unavailable.
    """
    yield Stage(f"Deploying the image {name}")
    with _speaking(name), closing(_connected(settings)) as api:
        known = _known(api, name)
        if known is None or not (name.is_pinned or not name.registry):
            yield Line(f"Pulling {name}")
            _pull(api, name, login_of(settings.docker_config, name.registry), is_cancelled)
            known = _known(api, name)
    if known is None:
        raise errors.no_such_image(name, "The engine does not have it after it was pulled.")
    yield Line(f"{known['Id'][:19]}, {known['Size'] / 1e6:.0f} MB")
    return _image(known, name), _maker(known, settings.instance)


def _image(known: Row, name: ImageName) -> Image:
    config = known.get("Config") or {}
    if not config.get("Cmd") and not config.get("Entrypoint"):
        raise errors.no_command(name)
    return Image(
        ref=ImageRef(known["Id"]),
        processes={ProcessType("web"): ""},
        health_path=(config.get("Labels") or {}).get("empire.health"),
        size_bytes=known["Size"],
    )


def _maker(known: Row, instance: str) -> str:
    labels = (known.get("Config") or {}).get("Labels") or {}
    app = str(labels.get("empire.app") or "")
    return app if labels.get("empire.instance") == instance else ""


def _known(api: docker.APIClient, name: str) -> Row | None:
    try:
        found: Row = api.inspect_image(name)  # type: ignore[no-untyped-call]
    except NotFound:
        return None
    return found


def _pull(
    api: docker.APIClient, name: ImageName, login: dict[str, str], is_cancelled: IsCancelled
) -> None:
    rows: Iterator[Row] = api.pull(*name.parts, stream=True, decode=True, auth_config=login)
    for row in rows:
        if is_cancelled():
            raise errors.cancelled()
        if "error" in row:
            raise errors.no_such_image(name, str(row["error"]))


def _connected(settings: Settings) -> docker.APIClient:
    where = {"base_url": settings.docker_host} if settings.docker_host else {**kwargs_from_env()}
    return docker.APIClient(version="auto", timeout=SILENT_SECONDS, **where)


@contextmanager
def _speaking(name: str) -> Iterator[None]:
    try:
        yield
    except APIError as error:
        raise errors.no_such_image(name, str(error.explanation or error)) from None
    except (DockerException, requests.RequestException) as error:
        raise errors.engine_silent("the engine", str(error)) from None
