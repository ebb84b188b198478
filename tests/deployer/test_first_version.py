"""What an app's files wish for its first version: a formation, and a command that runs once."""

from dataclasses import replace
from pathlib import Path

from empire import apps, formation
from empire.deployments import Deployment, Step
from empire.dry_run import dry_run
from empire.errors import StartFailed
from empire.events import Stage
from empire.manifest import Source
from empire.names import AppName, ProcessType, Sha
from empire.store import Store
from tests.fakes import never
from tests.line import Line

WEB, WORKER = ProcessType("web"), ProcessType("worker")


def wishing(
    line: Line, wishes: dict[ProcessType, tuple[int | None, str]], postdeploy: str = ""
) -> Line:
    """Let the line's builds wish these of a first version."""
    builder = line.outside.builder
    processes = {WEB: "", WORKER: "work"}
    builder.image = replace(
        builder.image, processes=processes, formation=wishes, postdeploy=postdeploy
    )
    return line


def pushed(line: Line, seed: str = "a") -> tuple[Deployment, list[str]]:
    """Push; return the ended deployment and what was told."""
    with line.working():
        deployment = line.push("hello", seed)
        told = line.told(deployment)
        line.settle()
    return line.row(deployment), [str(event) for event in told]


def sizes(store: Store) -> dict[str, tuple[int, str]]:
    with store.reading() as session:
        rows = formation.of(session, apps.find(session, "hello").id)
        return {str(type_): (row.quantity, row.size) for type_, row in rows.items()}


def test_the_first_version_that_runs_has_the_formation(line: Line, store: Store) -> None:
    line.make("hello")
    line.outside.scheduler.fail("start", StartFailed("It does not start."))
    pushed(wishing(line, {WEB: (3, ""), WORKER: (1, "2X")}))
    assert sizes(store) == {"web": (3, "1X"), "worker": (1, "2X")}
    _, told = pushed(wishing(line, {WEB: (2, ""), ProcessType("other"): (1, "")}), "b")
    assert sizes(store) == {"web": (2, "1X"), "worker": (0, "1X")}
    assert str(Stage("Starting v3 (2 dynos)")) in told
    pushed(wishing(line, {WEB: (1, "2X"), WORKER: (1, "")}), "c")
    assert sizes(store) == {"web": (2, "1X"), "worker": (0, "1X")}


def test_a_formation_that_does_not_fit_refuses_the_push(line: Line, store: Store) -> None:
    line.make("hello")
    for wish, what in (
        ((store.settings.dynos_max + 1, ""), "as app.json asks"),
        ((None, "512:900000gb"), "does not fit on this server"),
    ):
        ended, told = pushed(wishing(line, {WEB: wish}))
        assert ended.step == Step.FAILED
        assert what in "\n".join(told)
    assert sizes(store) == {}


def test_a_command_runs_once_in_the_first_versions_release_phase(line: Line) -> None:
    line.make("hello")
    _, told = pushed(wishing(line, {}, postdeploy="echo seeded"))
    assert str(Stage("Running the release command: echo seeded")) in told
    _, told = pushed(line, "b")
    assert not any("echo seeded" in text for text in told)


def test_it_comes_after_the_release_command_and_only_if_that_succeeds(line: Line) -> None:
    line.make("hello")
    builder = wishing(line, {}, postdeploy="echo seeded").outside.builder
    builder.image = replace(builder.image, release_command="echo moved; false")
    ended, told = pushed(line)
    assert ended.step == Step.FAILED
    assert any("( echo moved; false ) && ( echo seeded )" in text for text in told)
    builder.image = replace(builder.image, release_command="echo moved")
    _, told = pushed(line, "b")
    place = next(i for i, text in enumerate(told) if text.endswith("moved"))
    assert told[place + 1].strip() == "seeded"


def test_a_dry_run_tells_both(line: Line) -> None:
    line.make("hello")
    outside = wishing(line, {WEB: (2, "")}, postdeploy="echo seeded").outside
    source = Source(AppName("hello"), Sha("a" * 40), Sha("a" * 40), Path("/q"), "Subject")

    def told() -> list[str]:
        events = dry_run(line.store, outside.platform, AppName("hello"), source, never, by=line.ann)
        return [str(event).strip() for event in events]

    assert {"web=2:1X (the image's own command)", "Release phase: echo seeded"} <= set(told())
    pushed(line)
    assert "Release phase: none" in told()
