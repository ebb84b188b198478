"""Releases, builds and formations."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from empire import apps, builds, formation, manifests, releases
from empire.actors import Actor
from empire.apps import App
from empire.errors import InvalidInput, NotFound
from empire.manifest import Dyno, Image, Process, Size, Target
from empire.names import AppName, ProcessType
from empire.releases import Release, Status
from empire.secrets import Secret
from empire.settings import cores
from empire.store import Store
from tests.fakes import image_ref
from tests.line import Line

WEB, CLOCK, WORKER = ProcessType("web"), ProcessType("clock"), ProcessType("worker")


def released(store: Store, app: App, ann: Actor, seed: str, *types: ProcessType) -> Release:
    image = Image(image_ref(seed), dict.fromkeys(types, "run"), health_path="/up")
    with store.writing() as session:
        made = releases.of_image(session, app, image, seed, "c" * 40, by=ann)
        releases.finish(session, made, Status.SUCCEEDED)
        return made


def test_a_release_is_found_by_version_label_and_id(store: Store, ann: Actor, app: App) -> None:
    made = released(store, app, ann, "one", WEB)
    assert made.label == "v2"
    with store.reading() as session:
        for name in ("2", "v2", made.id):
            assert releases.find(session, app.id, name).id == made.id
        for name in ("v3", "v", "v99999999999999999999", "\u0662", ""):
            with pytest.raises(NotFound, match="no release"):
                releases.find(session, app.id, name)


def test_a_failed_release_is_neither_newest_nor_current(store: Store, ann: Actor, app: App) -> None:
    good, bad = (released(store, app, ann, seed, WEB) for seed in ("good", "bad"))
    with store.writing() as session:
        releases.finish(session, bad, Status.FAILED)
        assert releases.newest(session, app.id).id == good.id
        assert releases.current(session, app.id).id == good.id
        assert releases.kept_images(session, app.id, 10) == {image_ref("good")}
        for question in (releases.newest, releases.current):
            with pytest.raises(NotFound, match="The app is gone"):
                question(session, "no-such-app")


def test_images_are_kept_of_so_many_releases(store: Store, ann: Actor, app: App) -> None:
    for seed in "abc":
        released(store, app, ann, seed, WEB)
    with store.reading() as session:
        kept = releases.kept_images(session, app.id, 2)
    assert kept == {image_ref("b"), image_ref("c")}


def test_a_manifest_says_all_that_a_scheduler_needs(line: Line) -> None:
    line.make("hello")
    image = line.outside.builder.image
    line.outside.builder.image = replace(
        image, processes={WEB: "serve", CLOCK: "tick"}, health_path="/up"
    )
    pushed = line.shipped("hello")
    with line.store.reading() as session:
        app = apps.find(session, "hello")
        manifest = manifests.live(session, app)
        assert manifest
        made = releases.current(session, app.id)
    small = formation.size_of("1X")
    assert manifest.processes == (
        Process(CLOCK, "tick", 0, small),
        Process(WEB, "serve", 1, small, health_path="/up", starts=(pushed.number or 0,)),
    )
    assert (manifest.version, manifest.deployment) == (2, pushed.number)
    assert manifest.hostnames == ("hello.localhost",)
    assert [process.is_routed for process in manifest.processes] == [False, True]
    assert made.quantities == {"web": [1, "1X"], "clock": [0, "1X"]}


@pytest.mark.parametrize(
    ("types", "quantities"),
    [([CLOCK, WEB], {WEB: 1, CLOCK: 0}), ([CLOCK, WORKER], {CLOCK: 1, WORKER: 0})],
)
def test_a_new_app_gets_one_dyno(
    store: Store, app: App, types: list[ProcessType], quantities: dict[ProcessType, int]
) -> None:
    with store.writing() as session:
        formation.extended(session, app.id, types)
        again = formation.extended(session, app.id, [*types, ProcessType("late")])
        assert {type_: row.quantity for type_, row in again.items()} == {
            **quantities, ProcessType("late"): 0,
        }  # fmt: skip
        assert formation.of(session, app.id).keys() == again.keys()


def test_sizes_are_named_or_measured() -> None:
    most = float(cores())
    assert formation.size_of("2x").memory_mib == 1024
    assert formation.size_of("PX").cpus == min(4.0, most)
    assert formation.size_of("512:1GB") == Size("512:1gb", 0.5, 1024)
    assert formation.size_of("999999:64mb").cpus == most
    for name in ("3X", "512", "512:1tb", "", "\0", "1:1gb", "512:15mb"):
        with pytest.raises(InvalidInput) as caught:
            formation.size_of(name)
        assert caught.value.why


@given(st.one_of(st.text(), st.from_regex(r"\d{0,7}:\d{0,7}(mb|GB)")))
def test_any_text_is_a_size_or_refused(name: str) -> None:
    try:
        size = formation.size_of(name)
    except InvalidInput:
        return
    assert 0 < size.cpus <= cores()
    assert size.memory_mib >= formation.MIN_MEMORY_MIB


def test_builds_of_an_app_are_found_and_their_image_comes_back(line: Line) -> None:
    line.make("hello")
    pushed = line.shipped("hello")
    with line.store.reading() as session:
        (build,) = builds.of_app(session, pushed.app_id)
        assert builds.find(session, pushed.app_id, pushed.id).id == build.id
        image = builds.image_of(build)
        assert (image.ref, image.processes) == (image_ref("a" * 40), {WEB: ""})
        for app_id, build_id in ((pushed.app_id, "none"), ("other", build.id)):
            with pytest.raises(NotFound, match="no build"):
                builds.find(session, app_id, build_id)
        builds.fail(session, build)
        assert build.status == builds.BuildStatus.SUCCEEDED


def test_config_is_sealed_at_rest(store: Store, ann: Actor, app: App) -> None:
    with store.writing() as session:
        made = releases.of_config(session, app, {"A": Secret("hidden")}, "Set A", by=ann)
        assert b"hidden" not in made.config
        assert "hidden" not in repr(releases.config_of(session, made))


def test_dynos_and_targets_have_the_names_people_know() -> None:
    dyno = Dyno(AppName("hello"), WEB, 2, 3, 4, "up", "", "1X", 0.0, "id")
    assert (dyno.name, str(Target("10.0.0.1", 80))) == ("web.2", "10.0.0.1:80")


def test_two_releases_differ_in_what_is_shown_and_never_in_values(
    store: Store, ann: Actor, app: App
) -> None:
    with store.writing() as session:
        config = {"KEPT": Secret("same"), "CHANGED": Secret("hidden1"), "GONE": Secret("hidden2")}
        old = releases.of_config(session, app, config, "old", by=ann)
        config = {"KEPT": Secret("same"), "CHANGED": Secret("hidden3"), "NEW": Secret("hidden4")}
        new = releases.of_config(session, app, config, "new", by=ann)
        found = releases.diff(session, old, new)
    assert "hidden" not in repr(found)
    assert {name.split()[-1] for name in found} >= {"CHANGED", "GONE", "NEW"}
    assert not any("KEPT" in name for name in found)
