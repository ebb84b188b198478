"""What only a registry beside the engine does: logins, second tries, pulling what is missing."""

from collections.abc import Iterator

import docker
import pytest

from deployer.local import remote_registry
from deployer.local.remote_registry import RemoteRegistry
from empire.errors import InvalidInput, StartFailed, Unavailable
from empire.manifest import Image
from empire.names import AppName, ImageRef
from empire.settings import Settings
from tests.contracts.labs import manifest
from tests.contracts.remote_lab import RemoteLab
from tests.fakes import image_ref, never
from tests.streams import result

pytestmark = pytest.mark.docker

APP = AppName("sample")


@pytest.fixture
def remote(settings: Settings, engine: docker.APIClient, obedient: ImageRef) -> Iterator[RemoteLab]:
    lab = RemoteLab(settings, engine, obedient)
    yield lab
    lab.close()


def pushed(lab: RemoteLab, tag: str = "d1") -> Image:
    return result(lab.registry.push(APP, Image(lab.new_image(APP), {}), tag))


def _names(lab: RemoteLab, image: ImageRef) -> list[str]:
    rows = lab.engine.images()
    return [name for row in rows if image in (row["RepoDigests"] or ()) for name in row["RepoTags"]]


def test_an_image_is_named_by_its_digest_and_sent_once(remote: RemoteLab) -> None:
    image = pushed(remote)

    assert image.ref.startswith(f"{remote.server.host}/team/sample@sha256:")
    assert remote.server.digest_of(image.ref) == image.ref.partition("@")[2]
    assert list(remote.registry.push(APP, image, "d1")) == []


def test_what_the_engine_lost_is_pulled_when_it_starts(remote: RemoteLab) -> None:
    sent = result(remote.registry.push(APP, Image(remote.image, {}), "d1"))
    for name in _names(remote, sent.ref):
        if name.startswith(remote.server.host):
            remote.engine.remove_image(name)
    assert remote.registry.exists(sent.ref)

    targets = result(remote.scheduler.start(manifest(remote, image=sent.ref), never))

    assert all(remote.answers(target) for target in targets)
    remote.scheduler.stop(APP)
    remote.registry.delete(APP, frozenset())


def test_what_nobody_has_cannot_start(remote: RemoteLab) -> None:
    gone = ImageRef(f"{remote.server.host}/team/sample@{image_ref('gone')}")

    assert not remote.registry.exists(gone)
    with pytest.raises(StartFailed, match="could not be pulled"):
        result(remote.scheduler.start(manifest(remote, image=gone), never))


def test_without_a_login_the_registry_denies(remote: RemoteLab) -> None:
    (remote.settings.home / "config.json").unlink()

    with pytest.raises(Unavailable, match="does not let the server push") as raised:
        pushed(remote)
    assert f"docker login {remote.server.host}" in raised.value.fix


def test_a_registry_that_is_away_is_tried_again(
    remote: RemoteLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote_registry, "PAUSES_SECONDS", (0.01, 0.02))
    remote.server.close()
    told: list[str] = []
    events = remote.registry.push(APP, Image(remote.new_image(APP), {}), "d1")

    with pytest.raises(Unavailable, match="could not be pushed"):
        told.extend(str(event) for event in events)
    assert len([line for line in told if "tried again" in line]) == 2
    with pytest.raises(Unavailable, match="does not tell"):
        remote.registry.exists(ImageRef(f"{remote.server.host}/team/x@{image_ref('x')}"))


def test_deleting_goes_on_without_the_registry(remote: RemoteLab) -> None:
    image = pushed(remote)
    (remote.settings.home / "config.json").write_text("{")

    remote.registry.delete(APP, frozenset())

    assert remote.engine.images(name=image.ref.partition("@")[0]) == []


def test_a_setting_that_names_no_registry_is_refused(settings: Settings) -> None:
    with pytest.raises(InvalidInput, match="names no registry"):
        RemoteRegistry(settings.model_copy(update={"registry": "team"}))
