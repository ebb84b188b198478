"""A push of what is built already, and one that wants it built anew."""

from empire import builds, releases
from empire.deployments import Deployment, Step
from empire.errors import StartFailed
from empire.events import Event
from tests.fakes import image_ref
from tests.line import Line


def ships(line: Line, seed: str, tree: str = "a") -> tuple[Deployment, str]:
    """Push a commit of the tree, wait for the end, and return its deployment and what was told."""
    with line.working():
        pushed = line.push("hello", seed, tree=tree)
        told = said(line.told(pushed))
        line.settle()
    with line.store.reading() as session:
        return session.get_one(Deployment, pushed.number), told


def said(events: list[Event]) -> str:
    """Return what a person saw."""
    return "\n".join(map(str, events))


def test_an_equal_build_lends_its_image(line: Line) -> None:
    line.make("hello")
    line.outside.builder.has_keys = True
    ships(line, "a")

    again, told = ships(line, "b")

    assert "Nothing changed since v2: its image is used" in told
    assert len(line.outside.builder.called("build")) == 1
    assert again.step == Step.LIVE
    with line.store.reading() as session:
        made = releases.find(session, again.app_id, "v3")
        build = builds.find(session, again.app_id, again.id)
    assert (made.image, made.commit) == (image_ref("a" * 40), "b" * 40)
    assert (build.status, build.key) == ("succeeded", f"key of {'a' * 40}")
    assert "Nothing changed since v3" in ships(line, "c")[1]
    assert "Nothing changed" not in ships(line, "d", tree="d")[1]
    assert "Nothing changed since v4" in ships(line, "e")[1]


def test_an_image_that_is_gone_is_built_again(line: Line) -> None:
    line.make("hello")
    line.outside.builder.has_keys = True
    ships(line, "a")
    line.outside.registry.images.clear()
    assert "Nothing changed" not in ships(line, "b")[1]
    assert len(line.outside.builder.called("build")) == 2


def test_builds_without_a_key_are_equal_to_none(line: Line) -> None:
    line.make("hello")
    ships(line, "a")
    ships(line, "b")
    assert len(line.outside.builder.called("build")) == 2


def test_an_image_may_never_have_been_released(line: Line) -> None:
    line.make("hello")
    line.outside.builder.has_keys = True
    line.outside.scheduler.fail("start", StartFailed("It crashed."))
    failed, _ = ships(line, "a")
    assert failed.step == Step.FAILED
    with line.store.writing() as session:
        session.delete(releases.find(session, failed.app_id, "v2"))
    line.outside.registry.images["hello"].add(image_ref("a" * 40))  # type: ignore[index]
    _, told = ships(line, "b")
    assert "Nothing changed since a build that was not released" in told


def test_a_fresh_push_is_built_though_nothing_changed(line: Line) -> None:
    line.make("hello")
    line.outside.builder.has_keys = True
    ships(line, "a")
    with line.working():
        fresh = line.push("hello", "b", tree="a", is_fresh=True)
        told = said(line.told(fresh))
        line.settle()
    assert line.outside.builder.fresh == [fresh.id]
    assert "Nothing changed" not in told


def test_a_fresh_push_stays_fresh_when_its_server_died(line: Line) -> None:
    line.make("hello")
    gate = line.outside.builder.hold("build")
    with line.working():
        fresh = line.push("hello", "a", is_fresh=True)
        line.outside.builder.wait_for("build")
    gate.set()
    with line.working():
        line.told(fresh)
        line.settle()
    assert set(line.outside.builder.fresh) == {fresh.id}
    assert len(line.outside.builder.fresh) == 2


def test_a_fresh_push_joins_only_a_fresh_one(line: Line) -> None:
    line.make("hello")
    usual = line.push("hello", "a")
    fresh = line.push("hello", "a", is_fresh=True)
    assert fresh.number != usual.number
    assert line.push("hello", "a", is_fresh=True).number == fresh.number
    assert line.push("hello", "a").number == fresh.number
