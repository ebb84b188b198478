"""Any OCI registry as the place of images: pushed there once built, named and pulled by digest."""

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import structlog
from docker.errors import APIError, NotFound

from deployer.local import errors
from deployer.local.engine import Engine, explained, speaking
from deployer.local.registry import LocalRegistry
from empire.docker_logins import login_of
from empire.errors import EmpireError
from empire.events import Line, Stage, Stream
from empire.manifest import Image
from empire.names import AppName, ImageName, ImageRef
from empire.settings import Settings

PAUSES_SECONDS = (1.0, 3.0, 9.0)
"""How long a push waits before it is tried again."""
DELETE_SECONDS = 15.0
DENIED = ("denied", "unauthorized", "no basic auth", "authentication required", "forbidden")
UNKNOWN = ("not found", "name unknown", "manifest unknown", "no such manifest", "404")
PASSING = (
    "http status: 5", "connection refused", "connection reset", "timeout", "timed out", "eof",
    "no such host", "too many requests", "temporarily", "broken pipe", "unreachable",
)  # fmt: skip
Row = dict[str, Any]

log = structlog.get_logger()


class RemoteRegistry(LocalRegistry):
    """The images of one server in a registry, and those of them that its engine has too."""

    def __init__(self, settings: Settings) -> None:
        """Raise InvalidInput when the setting names no place in a registry."""
        super().__init__(settings)
        self._settings = settings
        self._place = ImageName(settings.registry.rstrip("/"))
        if not ImageName(f"{self._place}/x").registry:
            raise errors.no_registry(settings.registry)

    def push(self, app: AppName, image: Image, version_tag: str) -> Stream[Image]:
        """Send the image, unless it is there; return it named by its digest there."""
        place = self._repository(app)
        if image.ref.startswith(f"{place}@"):
            return image
        yield Stage(f"Pushing to {place}")
        tag = f"{self._instance}-{version_tag}"
        with speaking("name an image"):
            try:
                self._engine.api.tag(image.ref, place, tag)
            except NotFound:
                raise errors.image_gone(app) from None
        digest = yield from self._sent(place, tag)
        yield Line(f"Pushed {digest[:19]}")
        return replace(image, ref=ImageRef(f"{place}@{digest}"))

    def exists(self, ref: ImageRef) -> bool:
        """Tell whether the engine or the registry has it."""
        if super().exists(ref):
            return True
        if "@" not in ref:
            return False
        login = login_of(self._settings.docker_config, ImageName(ref).registry)
        try:
            self._engine.api.inspect_distribution(ref, auth_config=login)  # type: ignore[no-untyped-call]
        except APIError as error:
            text = explained(error).lower()
            if isinstance(error, NotFound) or any(words in text for words in UNKNOWN):
                return False
            raise errors.registry_refused(ref, explained(error)) from None
        return True

    def delete(self, app: AppName, keep: frozenset[ImageRef]) -> None:
        """Delete the app's images but those to keep, here and, as far as it lets us, there."""
        place = self._repository(app)
        with speaking(f"look for images of {app}"):
            rows = self._images(app)
        for row in rows:
            for ref in row["RepoDigests"] or ():
                if ref.startswith(f"{place}@") and not self._is_kept(row, keep):
                    self._forget(ref)
        super().delete(app, keep)

    def _repository(self, app: AppName) -> str:
        return f"{self._place}/{app}"

    def _is_ours(self, name: str) -> bool:
        return name.startswith(f"{self._place}/") or super()._is_ours(name)

    def _sent(self, place: str, tag: str) -> Stream[str]:
        """Return the digest; what will pass is tried again, after longer and longer."""
        for pause in (*PAUSES_SECONDS, None):
            digest, error = _heard(self._rows(place, tag))
            if digest and not error:
                return digest
            if any(words in error.lower() for words in DENIED):
                raise errors.push_denied(place, error)
            if pause is None or not any(words in error.lower() for words in PASSING):
                break
            yield Line(f"The push broke off ({error[:120]}); it is tried again in {pause:.0f} s")
            time.sleep(pause)
        raise errors.not_pushed(place, error)

    def _rows(self, place: str, tag: str) -> Iterator[Row]:
        login = login_of(self._settings.docker_config, ImageName(place).registry)
        with speaking(f"push to {place}"):
            yield from self._engine.api.push(
                place, tag, stream=True, decode=True, auth_config=login
            )

    def _forget(self, ref: str) -> None:
        """Delete the manifest; a registry that does not let us keeps it, which its own rules end."""
        host, _, rest = ref.partition("/")
        name, _, digest = rest.partition("@")
        scheme = "http" if host.startswith(("127.0.0.1", "localhost")) else "https"
        try:
            login = login_of(self._settings.docker_config, host)
            auth = (login["username"], login["password"]) if "username" in login else None
            answer = httpx.delete(
                f"{scheme}://{host}/v2/{name}/manifests/{digest}",
                auth=auth,
                timeout=DELETE_SECONDS,
                trust_env=scheme == "https",
            )
        except (httpx.HTTPError, EmpireError) as error:
            log.info("an image stays in the registry", image=ref, reason=str(error))
            return
        if answer.is_error and answer.status_code != 404:
            log.info("an image stays in the registry", image=ref, status=answer.status_code)


def pull(engine: Engine, settings: Settings, ref: ImageRef) -> None:
    """Bring an image that only the registry has; raises StartFailed."""
    name = ImageName(ref)
    login = login_of(settings.docker_config, name.registry)
    with speaking(f"pull {ref}"):
        try:
            rows = engine.api.pull(*name.parts, stream=True, decode=True, auth_config=login)
            _, error = _heard(rows)
        except APIError as refusal:
            error = explained(refusal)
    if error:
        raise errors.not_pulled(ref, error)


def _heard(rows: Iterator[Row]) -> tuple[str, str]:
    """Return the digest and the error that the engine tells of; each may be empty."""
    digest = error = ""
    for row in rows:
        digest = str((row.get("aux") or {}).get("Digest") or digest)
        error = str((row.get("errorDetail") or {}).get("message") or row.get("error") or error)
    return digest, error
