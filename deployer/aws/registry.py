"""Keeps images in ECR: a repository an app, made by the first push, images named by digest.

What was pushed stands in the ledger, so nothing is asked of AWS to see what may go.
"""

import base64
import json
import threading
import time
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

import structlog

from deployer.aws import errors
from deployer.aws.account import Account, speaking, tolerating
from deployer.aws.engine import Engine
from deployer.aws.layers import Layers
from empire.events import Stage, Stream
from empire.ledger import Ledger
from empire.manifest import Image
from empire.names import AppName, ImageRef

FOLDER = "empire/"
"""What all our repositories' names begin with; the creation template and the policies name it."""
NOTE = "image:"
"""Before a tag: which digest it has, nothing while it is being pushed."""
MARGIN_SECONDS = 600.0
"""How long a token must still be good: a push may take this long."""
UNSURE_SECONDS = 3600.0
"""How long a token is taken for good that says it is over: then a clock is wrong, here or there."""
UNTAGGED_DAYS = 14
DELETED_AT_ONCE = 100
MISSING = ("name unknown", "name_unknown", "does not exist in the registry")
UNKNOWN_TOKEN = ("unauthorized", "no basic auth", "authorization token has expired")
GONE = ("ImageNotFoundException", "RepositoryNotFoundException")
LIFECYCLE = {
    "rules": [
        {
            "rulePriority": 1,
            "description": "What has no tag was cut off while it was pushed.",
            "selection": {
                "tagStatus": "untagged",
                "countType": "sinceImagePushed",
                "countUnit": "days",
                "countNumber": UNTAGGED_DAYS,
            },
            "action": {"type": "expire"},
        }
    ]
}

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Token:
    """What lets the engine in. `until` is in seconds since the epoch."""

    host: str
    password: str
    until: float


class EcrRegistry:
    """The images of one server in one account."""

    def __init__(self, account: Account, ledger: Ledger) -> None:
        self._account = account
        self._ledger = ledger
        self._engine = Engine(account.settings)
        self._asking = threading.Lock()
        self._token: Token | None = None

    def push(self, app: AppName, image: Image, version_tag: str) -> Stream[Image]:
        """Send the image to the app's repository; return it named by its digest there."""
        token = self._valid_token()
        place = f"{token.host}/{FOLDER}{app}"
        if image.ref.startswith(f"{place}@"):
            return image
        self._ledger.note(app, {NOTE + version_tag: ""})
        yield Stage(f"Pushing to {place}")
        digest = yield from self._sent(app, image, token, version_tag)
        self._ledger.note(app, {NOTE + version_tag: digest})
        return replace(image, ref=ImageRef(f"{place}@{digest}"))

    def exists(self, ref: ImageRef) -> bool:
        """Tell whether the image can still be started."""
        place, _, digest = ref.partition("@")
        if not digest:
            return False
        name, asked = place.partition("/")[2], [{"imageDigest": digest}]
        found: list[Any] = []
        with speaking("look for an image"), tolerating(*GONE):
            found = self._ecr.describe_images(repositoryName=name, imageIds=asked)["imageDetails"]
        return bool(found)

    def delete(self, app: AppName, keep: frozenset[ImageRef]) -> None:
        """Delete the app's images but those to keep; with none to keep the repository too."""
        noted = {key: text for key, text in self._ledger.of(app).items() if key.startswith(NOTE)}
        kept = frozenset(ref.rpartition("@")[2] for ref in keep)
        gone = {key: digest for key, digest in noted.items() if digest not in kept}
        if not gone:
            return
        with speaking(f"delete images of {app}"), tolerating("RepositoryNotFoundException"):
            if gone == noted:
                self._ecr.delete_repository(repositoryName=FOLDER + app, force=True)
            else:
                self._delete_images(app, gone)
        self._engine.forget(app, kept)
        self._ledger.strike(app, gone)

    def close(self) -> None:
        """Close the connections to the engine."""
        self._engine.close()

    @property
    def _ecr(self) -> Any:
        return self._account.client("ecr")

    def _sent(self, app: AppName, image: Image, token: Token, tag: str) -> Stream[str]:
        """Send the image and return its digest; make what turns out to be missing, each once."""
        has_made = has_asked = False
        place = f"{token.host}/{FOLDER}{app}"
        while True:
            layers = Layers()
            for row in self._engine.push(image.ref, place, tag, token.password):
                yield from layers.hear(row)
                if layers.error:
                    break
            text = layers.error.lower()
            if layers.digest and not text:
                yield layers.summary()
                return layers.digest
            if not has_made and any(words in text for words in MISSING):
                self._make_repository(app)
                has_made = True
            elif not has_asked and any(words in text for words in UNKNOWN_TOKEN):
                token, has_asked = self._valid_token(instead_of=token), True
            else:
                raise errors.not_pushed(place, layers.error)

    def _make_repository(self, app: AppName) -> None:
        """Make what ECR makes by itself where the bootstrap's creation template is."""
        name = FOLDER + app
        with speaking(f"make a repository for {app}"):
            with tolerating("RepositoryAlreadyExistsException"):
                self._ecr.create_repository(
                    repositoryName=name,
                    imageScanningConfiguration={"scanOnPush": True},
                    tags=[
                        {"Key": "empire:app", "Value": app},
                        {"Key": "empire:instance", "Value": self._account.settings.instance},
                    ],
                )
            self._ecr.put_lifecycle_policy(
                repositoryName=name, lifecyclePolicyText=json.dumps(LIFECYCLE)
            )

    def _delete_images(self, app: AppName, gone: dict[str, str]) -> None:
        ids = [
            {"imageDigest": digest} if digest else {"imageTag": key.removeprefix(NOTE)}
            for key, digest in gone.items()
        ]
        for begin in range(0, len(ids), DELETED_AT_ONCE):
            answer = self._ecr.batch_delete_image(
                repositoryName=FOLDER + app, imageIds=ids[begin : begin + DELETED_AT_ONCE]
            )
            for failure in answer.get("failures", ()):
                if failure.get("failureCode") != "ImageNotFound":
                    log.info("An image stays.", app=app, **failure)

    def _valid_token(self, instead_of: Token | None = None) -> Token:
        with self._asking:
            known = self._token
            if known is None or known is instead_of or known.until < time.time():
                with speaking("log in to the image registry"):
                    self._token = known = _read(self._ecr.get_authorization_token())
            return known


def _read(answer: dict[str, Any]) -> Token:
    """Return the token of an answer."""
    granted = answer["authorizationData"][0]
    password = base64.b64decode(granted["authorizationToken"]).decode().partition(":")[2]
    until = granted["expiresAt"].timestamp() - MARGIN_SECONDS
    if until < time.time():
        until = time.time() + UNSURE_SECONDS
    return Token(urlsplit(granted["proxyEndpoint"]).netloc, password, until)
