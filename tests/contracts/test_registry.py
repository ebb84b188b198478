"""What every registry does, wherever it keeps images."""

from collections.abc import Iterator

import pytest

from empire.manifest import Image
from empire.names import AppName, ProcessType
from empire.settings import Settings
from tests.contracts.conftest import LABS, lab_of
from tests.contracts.labs import Lab
from tests.fakes import image_ref
from tests.streams import result

APP = AppName("sample")
OTHER = AppName("other")


@pytest.fixture(params=[*LABS, pytest.param("remote", marks=pytest.mark.docker)])
def lab(request: pytest.FixtureRequest, settings: Settings) -> Iterator[Lab]:
    """The same labs, and one with a registry of its own."""
    made = lab_of(request, settings)
    yield made
    made.close()


def pushed(lab: Lab, app: AppName, tag: str) -> Image:
    built = Image(lab.new_image(app), {ProcessType("web"): "serve"}, health_path="/up")
    return result(lab.registry.push(app, built, tag))


def test_a_pushed_image_exists(lab: Lab) -> None:
    image = pushed(lab, APP, "d1")

    assert lab.registry.exists(image.ref)
    assert image.processes == {"web": "serve"}
    assert image.health_path == "/up"


def test_push_may_be_repeated(lab: Lab) -> None:
    image = pushed(lab, APP, "d1")

    assert result(lab.registry.push(APP, image, "d1")) == image


def test_an_unknown_image_does_not_exist(lab: Lab) -> None:
    assert not lab.registry.exists(image_ref("unknown"))


def test_delete_keeps_what_it_is_told(lab: Lab) -> None:
    first, second, third = (pushed(lab, APP, f"d{n}") for n in (1, 2, 3))

    lab.registry.delete(APP, keep=frozenset({second.ref, third.ref}))

    assert [lab.registry.exists(i.ref) for i in (first, second, third)] == [False, True, True]


def test_delete_all_touches_no_other_app(lab: Lab) -> None:
    mine, other = pushed(lab, APP, "d1"), pushed(lab, OTHER, "d2")

    for _ in range(2):
        lab.registry.delete(APP, keep=frozenset())

    assert not lab.registry.exists(mine.ref)
    assert lab.registry.exists(other.ref)
    lab.registry.delete(OTHER, keep=frozenset())
