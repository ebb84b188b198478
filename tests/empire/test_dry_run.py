"""What a dry run says, beside what the tests with real git show of it."""

from dataclasses import replace
from pathlib import Path

from empire import apps
from empire.dry_run import dry_run
from empire.manifest import Source
from empire.names import AppName, ProcessType, Sha
from tests.fakes import never
from tests.line import Line


def told(line: Line, seed: str = "a") -> list[str]:
    """Return what a dry run of an imaginary commit of hello says."""
    source = Source(AppName("hello"), Sha(seed * 40), Sha(seed * 40), Path("/q"), "Subject")
    platform = line.outside.platform
    events = dry_run(line.store, platform, AppName("hello"), source, never, by=line.ann)
    return [str(event).strip() for event in events]


def test_it_tells_what_becomes_of_processes_config_and_release_phase(line: Line) -> None:
    line.make("hello")
    line.config("hello", TOKEN="hush", MODE="fast")
    line.shipped("hello")
    line.outside.builder.image = replace(
        line.outside.builder.image,
        processes={ProcessType("web"): "serve --new", ProcessType("worker"): "work"},
        release_command="migrate",
    )
    said = told(line, "b")
    assert said[1:] == [
        "-----> Would release v4 of hello",
        "Description: Deploy bbbbbbbb: Subject",
        "Release phase: migrate",
        "Config vars: MODE, TOKEN",
        "-----> Would start",
        "web=1:1X serve --new",
        "worker=0:1X work",
        "-----> Would route",
        "http://hello.localhost:8080 to web",
        "-----> Would differ from v3, which is live",
        said[11],
        "commit: aaaaaaaa -> bbbbbbbb",
        "process web: (the image's own) -> serve --new",
        "process worker: none -> work",
        "formation worker: none -> 0:1X",
    ]
    assert said[11].endswith("-> a new one")


def test_what_is_live_differs_in_nothing_from_itself(line: Line) -> None:
    line.make("hello")
    line.outside.builder.has_keys = True
    line.shipped("hello")
    said = told(line)
    assert "-----> Nothing changed since v2: its image would be used" in said
    assert said[-1] == "in nothing"


def test_it_tells_of_who_is_ahead_and_of_maintenance(line: Line) -> None:
    line.make("hello")
    line.push("hello", "a")
    with line.store.writing() as session:
        apps.maintain(session, apps.find(session, "hello"), True, by=line.ann)
    said = told(line, "b")
    assert said[2].startswith("Would wait for deployment 1 by ann@example.com (received, ")
    assert said[-1] == "Maintenance is on: requests get a page and no dyno sees them"


def test_an_app_without_a_web_process_has_no_route(line: Line) -> None:
    line.outside.builder.image = replace(
        line.outside.builder.image, processes={ProcessType("worker"): "work"}
    )
    said = told(line)
    assert said[0] == "-----> Would create the app hello"
    assert said[-2:] == ["-----> Would route", "nothing: no web dyno would run"]


def test_what_only_the_build_knows_is_not_guessed(line: Line) -> None:
    line.outside.builder.image = replace(line.outside.builder.image, processes={})
    said = told(line)
    assert said[-1] == "Process types: the build itself makes them known"
