"""Config vars: whatever an environment can hold comes back as it was given."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from empire import apps, audit, config_vars, deployments, releases
from empire.actors import Actor
from empire.apps import App
from empire.errors import InvalidInput, NotFound
from empire.secrets import Secret
from empire.store import Store
from tests.line import Line

an_environment_value = st.binary(max_size=200).map(
    lambda content: content.replace(b"\0", b"").decode("utf-8", "surrogateescape")
)


def test_values_come_back_as_they_were_given(store: Store, ann: Actor, app: App) -> None:
    @settings(max_examples=30)
    @given(st.one_of(an_environment_value, st.text(st.characters(
        exclude_characters="\0", exclude_categories=["Cs"]))))  # fmt: skip
    def comes_back(value: str) -> None:
        with store.writing() as session:
            config_vars.change(session, app, {"A": Secret(value)}, by=ann)
        with store.reading() as session:
            assert config_vars.of(session, app) == {"A": Secret(value)}

    comes_back()


def test_names_but_no_values_stand_in_release_and_audit(store: Store, ann: Actor, app: App) -> None:
    with store.writing() as session:
        config_vars.change(session, app, {"B": Secret("hidden-value"), "A": Secret("")}, by=ann)
        config_vars.change(session, app, {"B": None, "C": Secret("x")}, by=ann)
    with store.reading() as session:
        made = releases.of_app(session, app.id)
        assert [row.description for row in made[:2]] == [
            "Set C and Remove B config vars", "Set B, A config vars",
        ]  # fmt: skip
        assert list(config_vars.of(session, app)) == ["A", "C"]
        assert all("hidden" not in f"{row!r}" for row in [*made, *audit.lines(session)])


def test_what_changes_nothing_makes_no_release(store: Store, ann: Actor, app: App) -> None:
    with store.writing() as session:
        config_vars.change(session, app, {"A": Secret("1")}, by=ann)
        before = len(releases.of_app(session, app.id))
        same = config_vars.change(session, app, {"A": Secret("1"), "B": None}, by=ann)
        assert same == ({"A": Secret("1")}, None)
        assert len(releases.of_app(session, app.id)) == before


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("1A", "x", "not a config var name"),
        ("PORT", "x", "PORT is set by the platform"),
        ("EMPIRE_APP", "x", "EMPIRE_APP is set by the platform"),
        ("A", "a\0b", "a NUL byte"),
        ("A", "\ud800", "half a character"),
        ("A", "x" * 32 * 1024, "The config vars have 32769 bytes"),
    ],
)
def test_what_an_environment_cannot_hold_is_refused(
    store: Store, ann: Actor, app: App, name: str, value: str, words: str
) -> None:
    with store.writing() as session:
        with pytest.raises(InvalidInput) as caught:
            config_vars.change(session, app, {name: Secret(value)}, by=ann)
        assert words in str(caught.value)
        assert caught.value.why
        assert config_vars.of(session, app) == {}


def test_a_cancelled_change_is_not_shown_any_more(line: Line) -> None:
    line.make("hello")
    line.push("hello")
    changed = line.config("hello", A="1")
    assert changed
    line.cancel(changed)
    with line.store.reading() as session:
        assert config_vars.of(session, apps.find(session, "hello")) == {}


def test_deployments_of_an_app_are_listed_newest_first(line: Line) -> None:
    line.make("hello")
    first, second = line.push("hello", "a"), line.push("hello", "b")
    with line.store.reading() as session:
        found = deployments.of_app(session, first.app_id)
        assert [row.id for row in found] == [second.id, first.id]
        assert deployments.find(session, str(first.number)).id == first.id
        assert found[0].actor == line.ann
        for name in ("99999999999999999999", "7", "x"):
            with pytest.raises(NotFound, match="no deployment"):
                deployments.find(session, name)
