"""What role an app's code has."""

import pytest

from empire import apps, audit, task_roles, users
from empire.actors import Actor
from empire.apps import App
from empire.errors import Conflict, InvalidInput
from empire.store import Store

ROLE = "arn:aws:iam::123456789012:role/team/empire-task-shop"


def app_of(store: Store) -> tuple[App, Actor]:
    with store.writing() as session:
        by = users.acting(users.first(session, "Ann", "ann@example.com")[0], "test")
        return apps.create(session, "shop", by=by), by


def put(store: Store, app: App, role: str, by: Actor) -> str:
    with store.writing() as session:
        found = session.get_one(App, app.id)
        task_roles.put(session, found, role, by=by)
        return found.placement.task_role


def test_a_role_comes_and_goes_and_enters_the_audit(cloud: Store) -> None:
    app, ann = app_of(cloud)

    assert put(cloud, app, ROLE, ann) == ROLE
    assert put(cloud, app, "", ann) == ""

    with cloud.reading() as session:
        lines = [line for line in audit.lines(session, "shop") if line.act == "apps:role"]
    assert [line.detail for line in lines] == ["unset", ROLE]


@pytest.mark.parametrize(
    "role",
    [
        "admin",
        "arn:aws:iam::12:role/x",
        "arn:aws:iam::123456789012:user/ann",
        ROLE + " ",
        ROLE + "\n",
    ],
)
def test_what_is_no_role_is_refused(cloud: Store, role: str) -> None:
    app, ann = app_of(cloud)

    with pytest.raises(InvalidInput, match="is no role"):
        put(cloud, app, role, ann)


def test_apps_on_the_servers_own_machine_have_no_roles(store: Store) -> None:
    app, ann = app_of(store)

    with pytest.raises(Conflict, match="on its own machine"):
        put(store, app, ROLE, ann)
    assert put(store, app, "", ann) == ""
