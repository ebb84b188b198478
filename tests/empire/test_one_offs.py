"""One-offs: what a person may order, and what it becomes."""

import pytest

from empire import apps, audit, one_offs, releases
from empire.actors import Actor
from empire.apps import App
from empire.errors import Conflict, InvalidInput
from empire.manifest import Image
from empire.names import ProcessType
from empire.one_offs import Wish
from empire.releases import Status
from empire.secrets import Secret
from empire.store import Store
from tests.fakes import image_ref

PROCESSES = {ProcessType("web"): "serve", ProcessType("migrate"): "python manage.py migrate"}


@pytest.fixture
def live(store: Store, app: App, ann: Actor) -> App:
    """An app with a version that succeeded."""
    with store.writing() as session:
        image = Image(image_ref("one"), PROCESSES, release_command="moves")
        made = releases.of_image(session, app, image, "Deploy", "", by=ann)
        releases.finish(session, made, Status.SUCCEEDED)
    return app


def test_an_order_has_the_current_release_and_enters_the_audit(
    store: Store, live: App, ann: Actor
) -> None:
    wish = Wish("migrate --fake", {"COLOUR": Secret("green")}, size="2X", seconds=60)
    with store.writing() as session:
        made = one_offs.ordered(session, live, wish, (), by=ann)
        lines = audit.lines(session, "hello")

    assert made.command == "python manage.py migrate --fake"
    assert (made.version, made.size.name, made.seconds) == (2, "2X", 60)
    assert made.env["COLOUR"].reveal() == "green"
    assert (made.type, made.app, made.app_name) == ("run", "hello", "hello")
    assert (lines[0].act, lines[0].detail) == ("run", f"{made.name} migrate --fake")


def test_a_name_is_not_given_twice(store: Store, live: App, ann: Actor) -> None:
    all_but_one = {f"run.{number}" for number in range(1000, 10000)} - {"run.4242"}
    with store.writing() as session:
        made = one_offs.ordered(session, live, Wish("true"), all_but_one, by=ann)

    assert made.name == "run.4242"


def test_nobody_runs_longer_than_the_server_allows(store: Store, live: App, ann: Actor) -> None:
    with store.writing() as session:
        made = one_offs.ordered(session, live, Wish("true", seconds=1e9), (), by=ann)

    assert made.seconds == store.settings.run_seconds


def test_without_a_version_or_on_its_way_out_an_app_runs_nothing(
    store: Store, app: App, ann: Actor
) -> None:
    with store.writing() as session:
        with pytest.raises(Conflict, match="no version that could run it"):
            one_offs.ordered(session, app, Wish("true"), (), by=ann)
        leaving = apps.find(session, "hello")
        leaving.is_leaving = True
        with pytest.raises(Conflict, match="is being destroyed"):
            one_offs.ordered(session, leaving, Wish("true"), (), by=ann)


@pytest.mark.parametrize(
    ("command", "env", "what"),
    [
        (" ", {}, "There is no command."),
        ("a\0b", {}, "This command cannot be run."),
        ("x" * 100_001, {}, "This command cannot be run."),
        ("true", {"1A": Secret("x")}, "is not a config var name"),
        ("true", {"A": Secret("x\0")}, "holds a NUL character"),
    ],
)
def test_what_no_process_can_have_is_refused(
    command: str, env: dict[str, Secret], what: str
) -> None:
    with pytest.raises(InvalidInput, match=what):
        one_offs.check(command, env)


def test_commands_expand_by_their_first_word_alone(store: Store, live: App, ann: Actor) -> None:
    with store.writing() as session:
        inside = one_offs.ordered_inside(session, live, "web.1", "release now", {}, by=ann)

    assert inside == "moves now"
    assert one_offs.expanded("echo migrate", {"migrate": "x"}) == "echo migrate"
    assert one_offs.expanded("web", {"web": ""}) == "web"
