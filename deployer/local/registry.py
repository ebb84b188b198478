"""Keeps images in the engine's own store: one machine needs no other registry."""

from typing import Any

import structlog
from docker.errors import APIError, NotFound

from deployer.local import errors
from deployer.local.engine import Engine, explained, speaking
from empire.events import Stream
from empire.manifest import Image
from empire.names import AppName, ImageRef
from empire.settings import Settings

DOMAIN = "empire.local"
"""Not a registry: it makes the name ours, and keeps the engine from looking for it elsewhere."""

NAMELESS = "<none>:<none>"
"""How older engines list an image without a name."""

log = structlog.get_logger()


class LocalRegistry:
    """The images of one server on one Docker Engine."""

    def __init__(self, settings: Settings) -> None:
        self._instance = settings.instance
        self._engine = Engine(settings)

    def push(self, app: AppName, image: Image, version_tag: str) -> Stream[Image]:
        """Give the image a name, so that the engine's own cleaning leaves it alone."""
        with speaking("name an image"):
            try:
                self._engine.api.tag(image.ref, self._repository(app), version_tag)
            except NotFound:
                raise errors.image_gone(app) from None
        yield from ()
        return image

    def exists(self, ref: ImageRef) -> bool:
        """Tell whether the image can still be started."""
        with speaking("look for an image"):
            return self._engine.image(ref) is not None

    def delete(self, app: AppName, keep: frozenset[ImageRef]) -> None:
        """Delete the app's images but those to keep and those that are in use."""
        with speaking(f"delete images of {app}"):
            for image in self._images(app):
                if not self._is_kept(image, keep):
                    self._remove(image)

    def close(self) -> None:
        """Close the connections."""
        self._engine.close()

    def _repository(self, app: AppName) -> str:
        return f"{DOMAIN}/{self._instance}/{app}"

    def _is_ours(self, name: str) -> bool:
        return name.startswith(f"{DOMAIN}/{self._instance}/")

    def _is_kept(self, image: dict[str, Any], keep: frozenset[ImageRef]) -> bool:
        return bool({image["Id"], *(image["RepoDigests"] or ())} & keep)

    def _images(self, app: AppName) -> list[dict[str, Any]]:
        """Return those we named and those that builds made, which come with all their names."""
        of_builds = {"label": [f"empire.instance={self._instance}", f"empire.app={app}"]}
        named = self._engine.api.images(name=self._repository(app))
        made = self._engine.api.images(filters=of_builds)
        return list({image["Id"]: image for image in (*named, *made)}.values())

    def _remove(self, image: dict[str, Any]) -> None:
        """Remove our names for it, and with the last name the image itself."""
        names = [name for name in image["RepoTags"] or () if name != NAMELESS]
        if (image["Labels"] or {}).get("empire.instance") != self._instance:
            # Built elsewhere: another name than ours is another's claim to it.
            names = [name for name in names if self._is_ours(name)]
        for reference in names or [image["Id"]]:
            try:
                self._engine.api.remove_image(reference)
            except NotFound:
                continue
            except APIError as error:
                log.info("An image stays.", image=reference, reason=explained(error))
