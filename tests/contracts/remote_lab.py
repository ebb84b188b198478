"""The local adapters with a registry of their own: Debian's, with a login."""

import json
from base64 import b64encode

import docker

from deployer.local.remote_registry import RemoteRegistry
from empire.names import AppName, ImageRef
from empire.settings import Settings
from tests.conftest import build
from tests.contracts.labs import LocalLab
from tests.fakeaws.registry import Registry

NOBODY = "http://127.0.0.1:9/"


class RemoteLab(LocalLab):
    """One machine whose images go to `server`."""

    def __init__(self, settings: Settings, engine: docker.APIClient, image: ImageRef) -> None:
        self.server = Registry(settings.home / "registry", NOBODY)
        login = self.server.login
        auth = b64encode(f"{login['username']}:{login['password']}".encode()).decode()
        (settings.home / "config.json").write_text(
            json.dumps({"auths": {self.server.host: {"auth": auth}}})
        )
        own = {"registry": f"{self.server.host}/team", "docker_config": settings.home}
        super().__init__(settings.model_copy(update=own), engine, image)
        self.registry.close()
        self.registry = RemoteRegistry(self.settings)

    def new_image(self, app: AppName) -> ImageRef:
        marks = {"empire.instance": self.settings.instance, "empire.app": app}
        files = {"Dockerfile": b"FROM scratch\nCOPY file /\n", "file": b"content"}
        self._built.append(build(self.engine, files, **marks))
        return self._built[-1]

    def close(self) -> None:
        super().close()
        self.server.close()
