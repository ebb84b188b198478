"""On what an app's tasks run."""

import pytest

from empire import apps, audit, placements, users
from empire.actors import Actor
from empire.apps import App
from empire.errors import Conflict, InvalidInput
from empire.manifest import Placement
from empire.store import Store


def app_of(store: Store) -> tuple[App, Actor]:
    with store.writing() as session:
        by = users.acting(users.first(session, "Ann", "ann@example.com")[0], "test")
        return apps.create(session, "shop", by=by), by


def put(store: Store, app: App, by: Actor, **wish: str) -> Placement:
    with store.writing() as session:
        found = session.get_one(App, app.id)
        placements.put(session, found, **wish, by=by)
        return found.placement


def test_a_placement_comes_and_goes_and_enters_the_audit(cloud: Store) -> None:
    app, ann = app_of(cloud)

    assert put(cloud, app, ann, capacity="FARGATE_SPOT").capacity == "FARGATE_SPOT"
    both = put(cloud, app, ann, architecture="ARM64")
    assert (both.capacity, both.architecture) == ("FARGATE_SPOT", "ARM64")
    assert put(cloud, app, ann, capacity="").capacity == ""

    with cloud.reading() as session:
        lines = [line for line in audit.lines(session, "shop") if line.act == "apps:placement"]
    assert lines[0].detail == "capacity unset, architecture ARM64"
    assert len(lines) == 3


@pytest.mark.parametrize("wish", [{"capacity": "LAMBDA"}, {"architecture": "arm64"}])
def test_what_aws_does_not_have_is_refused(cloud: Store, wish: dict[str, str]) -> None:
    app, ann = app_of(cloud)

    with pytest.raises(InvalidInput, match="is no"):
        put(cloud, app, ann, **wish)


def test_apps_on_the_servers_own_machine_are_not_placed(store: Store) -> None:
    app, ann = app_of(store)

    with pytest.raises(Conflict, match="on its own machine"):
        put(store, app, ann, capacity="EC2")
