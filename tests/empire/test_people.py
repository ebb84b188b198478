"""Persons, their tokens, what they may do, and the audit of it."""

import pytest

from empire import access, apps, audit, tokens, users
from empire.access import Permission
from empire.actors import Actor
from empire.apps import App
from empire.errors import Conflict, Forbidden, InvalidInput, NotFound, Unauthorized
from empire.store import Store
from empire.users import Role


def person(store: Store, by: Actor, email: str, role: Role = Role.MEMBER) -> Actor:
    with store.writing() as session:
        return users.acting(users.create(session, email, email, role=role, by=by), "test")


def test_the_first_start_makes_one_owner(store: Store) -> None:
    with store.writing() as session:
        user, is_new = users.first(session, "Ann", "Ann@Example.com")
        again, is_new_again = users.first(session, "Eve", "eve@example.com")
    assert (user.email, user.role, is_new) == ("ann@example.com", Role.OWNER, True)
    assert (again.id, is_new_again) == (user.id, False)


def test_persons_are_found_by_id_and_address(store: Store, ann: Actor) -> None:
    bob = person(store, ann, "Bob@example.com")
    with store.writing() as session:
        assert users.find(session, bob.user_id).email == "bob@example.com"
        assert users.find(session, "BOB@example.com").id == bob.user_id
        with pytest.raises(NotFound, match="no such person"):
            users.find(session, "eve@example.com")
        with pytest.raises(Conflict, match="already a person"):
            users.create(session, "BOB@example.com", "Bob", by=ann)


@pytest.mark.parametrize("email", ["", "ann", "@host", "ann@", "a nn@host", "ann@host\n"])
def test_what_is_no_address_is_refused(email: str) -> None:
    with pytest.raises(InvalidInput, match="not an e-mail address"):
        users.checked_email(email)


def test_a_token_is_shown_once_and_stored_as_a_hash(store: Store, ann: Actor) -> None:
    with store.writing() as session:
        token, value = tokens.create(session, ann.user_id, "laptop", by=ann)
    assert value.reveal() not in repr(value) + repr(token)
    assert value.reveal().encode() not in (store.settings.home / "empire.db-wal").read_bytes()
    with store.writing() as session:
        assert tokens.identify(session, value.reveal()).via == f"token {token.id}"
        assert [row.id for row in tokens.of(session, ann.user_id)] == [token.id]
        tokens.revoke(session, token, by=ann)
        with pytest.raises(Unauthorized, match="not valid"):
            tokens.identify(session, value.reveal())
        with pytest.raises(Unauthorized, match="not valid"):
            tokens.identify(session, "\ud800")
    with store.reading() as session:
        assert all(value.reveal() not in row.detail for row in audit.lines(session))


def test_owners_members_and_viewers_may_what_their_role_says(
    store: Store, ann: Actor, app: App
) -> None:
    bob = person(store, ann, "bob@example.com")
    eve = person(store, ann, "eve@example.com", Role.VIEWER)
    root = person(store, ann, "root@example.com", Role.OWNER)
    nobody = Actor("gone", "Gone", "gone@example.com", "test")
    with store.reading() as session:
        for actor in (ann, root):
            assert access.require(session, actor, app.name, Permission.OWN).id == app.id
        assert access.require(session, eve, app.id, Permission.VIEW).id == app.id
        with pytest.raises(Forbidden, match="may not deploy hello"):
            access.require(session, eve, app.name, Permission.DEPLOY)
        hidden = [pytest.raises(NotFound, match="no app 'hello'") for _ in (bob, nobody)]
        for actor, refused in zip((bob, nobody), hidden, strict=True):
            with refused:
                access.require(session, actor, app.name, Permission.VIEW)
        with pytest.raises(NotFound, match="no app 'unknown'"):
            access.require(session, ann, "unknown", Permission.VIEW)
        seen = [[a.name for a in apps.visible_to(session, p)] for p in (ann, eve, bob, nobody)]
        assert seen == [["hello"], ["hello"], [], []]
        access.require_creation(session, bob)
        for actor in (eve, nobody):
            with pytest.raises(Forbidden, match="may not create apps"):
                access.require_creation(session, actor)


def test_an_act_that_is_rolled_back_leaves_no_audit_line(store: Store, ann: Actor) -> None:
    with pytest.raises(RuntimeError), store.writing() as session:  # noqa: PT012
        apps.create(session, "hello", by=ann)
        raise RuntimeError
    with store.reading() as session:
        assert audit.lines(session, "hello") == []
        with pytest.raises(NotFound):
            apps.find(session, "hello")
    with store.writing() as session:
        apps.create(session, "hello", by=ann)
    with store.reading() as session:
        (line,) = audit.lines(session, "hello")
        assert (line.email, line.via, line.act) == ("ann@example.com", "test", "apps:create")
        assert [row.act for row in audit.lines(session, limit=1)] == ["apps:create"]


def test_apps_have_names_of_their_own(store: Store, ann: Actor, app: App) -> None:
    with store.writing() as session:
        with pytest.raises(Conflict, match="already an app named hello"):
            apps.create(session, "hello", by=ann)
        with pytest.raises(InvalidInput, match="not an app name"):
            apps.create(session, "Hello!", by=ann)
        names = {apps.create(session, by=ann).name for _ in range(5)}
        assert len(names) == 5
        assert apps.find(session, app.id).name == "hello"
        assert apps.hostnames(session, app) == ("hello.localhost",)


def test_a_made_up_name_that_is_taken_is_not_given_again(
    store: Store, ann: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = iter([1, 1, 2])
    monkeypatch.setattr("secrets.choice", lambda words: words[0])
    monkeypatch.setattr("secrets.randbelow", lambda _: next(numbers))
    with store.writing() as session:
        assert apps.create(session, by=ann).name == "amber-anchor-1001"
        assert apps.create(session, by=ann).name == "amber-anchor-1002"
