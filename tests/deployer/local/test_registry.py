"""What only the engine's own image store does."""

import pytest

from deployer.local.registry import LocalRegistry
from empire.errors import StartFailed, Unavailable
from empire.manifest import Image
from empire.names import AppName
from empire.settings import Settings
from tests.contracts.labs import LocalLab, manifest
from tests.fakes import image_ref, never
from tests.streams import result

pytestmark = pytest.mark.docker

APP = AppName("sample")


def test_a_pushed_image_has_a_name(local: LocalLab) -> None:
    image = Image(local.new_image(APP), {})
    result(local.registry.push(APP, image, "d7"))

    name = f"empire.local/{local.settings.instance}/sample:d7"
    assert [found["Id"] for found in local.engine.images(name=name)] == [image.ref]


def test_an_image_of_many_names_goes_with_all(local: LocalLab) -> None:
    image = Image(local.new_image(APP), {})
    for tag in ("d7", "d8"):
        result(local.registry.push(APP, image, tag))

    local.registry.delete(APP, frozenset())

    assert not local.registry.exists(image.ref)


def test_what_a_build_left_unnamed_goes_too(local: LocalLab) -> None:
    left = local.new_image(APP)

    local.registry.delete(APP, frozenset())

    assert not local.registry.exists(left)


def test_an_image_in_use_stays(local: LocalLab) -> None:
    result(local.registry.push(APP, Image(local.image, {}), "d1"))
    result(local.scheduler.start(manifest(local), never))
    target = local.scheduler.dynos(APP)[0].target

    local.registry.delete(APP, frozenset())

    assert local.registry.exists(local.image)
    assert target
    assert local.answers(target)


def test_an_image_that_is_gone_cannot_be_pushed(local: LocalLab) -> None:
    with pytest.raises(StartFailed, match="not on this machine"):
        result(local.registry.push(APP, Image(image_ref("gone"), {}), "d1"))


def test_an_engine_that_does_not_answer(settings: Settings) -> None:
    nowhere = settings.model_copy(update={"docker_host": "unix:///nowhere.sock"})
    with pytest.raises(Unavailable):
        LocalRegistry(nowhere).exists(image_ref("any"))
