"""Whose host names are whose."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from empire import apps, audit, certificates, domains, manifests, remains, users
from empire.actors import Actor
from empire.apps import App
from empire.certificates import Status
from empire.domains import overlap
from empire.errors import Conflict, InvalidInput, NotFound
from empire.names import DomainName
from empire.settings import Settings
from empire.store import Store


def make(store: Store, name: str, by: Actor) -> App:
    with store.writing() as session:
        return apps.create(session, name, by=by)


def add(store: Store, app: App, hostname: str, by: Actor) -> None:
    with store.writing() as session:
        domains.add(session, app, hostname, by=by)


def names(store: Store, app: App) -> list[str]:
    with store.reading() as session:
        return [str(name) for name in apps.hostnames(session, app)]


@pytest.fixture
def bob(store: Store, ann: Actor) -> Actor:
    with store.writing() as session:
        return users.acting(users.create(session, "bob@example.com", "Bob", by=ann), "test")


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Store]:
    """A store of a server whose apps run elsewhere, with internal names."""
    settings = Settings(
        home=tmp_path / "cloud",
        backend="aws",
        apps_domain="apps.example.com",
        aws_internal_domain="apps.internal",
    )
    store = Store(settings)
    store.migrate()
    yield store
    store.close()


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("WWW.Example.com.", "www.example.com"),
        (" *.example.com ", "*.example.com"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("*.Bücher.example", "*.xn--bcher-kva.example"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
    ],
)
def test_a_domain_is_kept_as_the_dns_has_it(typed: str, name: str) -> None:
    assert DomainName.typed(typed) == name


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "example",
        "*.com",
        "*",
        "a.*.example.com",
        "*.*.example.com",
        "192.0.2.1",
        "[::1]",
        "a_b.example.com",
        "-a.example.com",
        "☃.example.com",
        f"{'x' * 64}.example.com",
        "a..example.com",
        "exämple..com",
        "example.com:80",
        "http://example.com",
        "a\n.example.com",
    ],
)
def test_what_is_no_domain_is_refused(typed: str) -> None:
    with pytest.raises(InvalidInput, match="is not a domain"):
        DomainName.typed(typed)


@pytest.mark.parametrize(
    ("one", "other", "do"),
    [
        ("www.example.com", "www.example.com", True),
        ("*.example.com", "www.example.com", True),
        ("a.b.example.com", "*.example.com", True),
        ("*.b.example.com", "*.example.com", True),
        ("example.com", "*.example.com", False),
        ("www.example.com", "example.com", False),
        ("*.example.com", "www.badexample.com", False),
        ("*.a.example.com", "*.b.example.com", False),
    ],
)
def test_a_wildcard_overlaps_what_is_below_it(one: str, other: str, do: bool) -> None:
    assert overlap(one, other) is do
    assert overlap(other, one) is do


def test_an_app_answers_at_its_own_name_first(store: Store, ann: Actor, app: App) -> None:
    add(store, app, "www.example.com", ann)
    add(store, app, "example.com", ann)
    assert names(store, app) == ["hello.localhost", "example.com", "www.example.com"]
    with store.writing() as session:
        domains.remove(session, app, domains.find(session, app, "example.com"), by=ann)
        lines = [(line.act, line.app, line.detail) for line in audit.lines(session, limit=3)]
    assert names(store, app) == ["hello.localhost", "www.example.com"]
    assert lines == [
        ("domains:remove", "hello", "example.com"),
        ("domains:add", "hello", "example.com"),
        ("domains:add", "hello", "www.example.com"),
    ]


def test_a_domain_is_found_by_what_people_call_it(store: Store, ann: Actor, app: App) -> None:
    add(store, app, "bücher.example", ann)
    with store.reading() as session:
        domain = domains.find(session, app, "BÜCHER.example.")
        assert domains.find(session, app, "xn--bcher-kva.Example") is domain
        assert domains.find(session, app, domain.id) is domain
        for name in ("www.example.com", "?"):
            with pytest.raises(NotFound, match="has no domain"):
                domains.find(session, app, name)


def test_a_domain_belongs_to_one_app(store: Store, ann: Actor, bob: Actor, app: App) -> None:
    add(store, app, "www.example.com", ann)
    mine, bobs = make(store, "mine", ann), make(store, "bobs", bob)
    with pytest.raises(Conflict, match="a domain of hello already"):
        add(store, app, "WWW.example.com", ann)
    with pytest.raises(Conflict, match="belongs to another app"):
        add(store, mine, "www.example.com", ann)
    with pytest.raises(Conflict, match="belongs to another app"):
        add(store, bobs, "*.example.com", bob)
    add(store, mine, "*.example.com", ann)
    with pytest.raises(Conflict, match="belongs to another app"):
        add(store, bobs, "shop.example.com", bob)
    add(store, bobs, "shop.example.org", bob)


def test_the_servers_own_names_are_no_domains(cloud: Store) -> None:
    with cloud.writing() as session:
        user, _ = users.first(session, "Ann", "ann@example.com")
        ann = users.acting(user, "test")
    app = make(cloud, "hello", ann)
    for own in (
        "shop.apps.example.com",
        "apps.example.com",
        "*.apps.example.com",
        "a.apps.internal",
    ):
        with pytest.raises(InvalidInput, match="server's own names"):
            add(cloud, app, own, ann)
    add(cloud, app, "*.example.com", ann)


def test_an_app_has_only_so_many_domains(tmp_path: Path) -> None:
    store = Store(Settings(home=tmp_path / "few", domains_max=1))
    store.migrate()
    with store.writing() as session:
        user, _ = users.first(session, "Ann", "ann@example.com")
        ann = users.acting(user, "test")
    app = make(store, "hello", ann)
    add(store, app, "a.example.com", ann)
    with pytest.raises(Conflict, match="has 1 domains already"):
        add(store, app, "b.example.com", ann)
    store.close()


def test_domains_go_with_their_app(store: Store, ann: Actor) -> None:
    app = make(store, "going", ann)
    add(store, app, "www.example.com", ann)
    with store.writing() as session:
        remains.forget(session, app)
    again = make(store, "again", ann)
    add(store, again, "www.example.com", ann)


def test_a_domain_wants_a_certificate_where_it_does_not_come_by_itself(
    store: Store, cloud: Store, ann: Actor, app: App
) -> None:
    add(store, app, "www.example.com", ann)
    with store.reading() as session:
        assert certificates.find(session, "www.example.com") is None
    with cloud.writing() as session:
        user, _ = users.first(session, "Ann", "ann@example.com")
        ann = users.acting(user, "test")
    first, second = make(cloud, "first", ann), make(cloud, "second", ann)
    add(cloud, first, "www.example.com", ann)
    with cloud.writing() as session:
        [wanted] = certificates.all_of(session)
        assert (wanted.app, wanted.status, wanted.arn) == ("first", Status.PENDING, "")
        wanted.arn = "arn"
        domains.remove(session, first, domains.find(session, first, "www.example.com"), by=ann)
    add(cloud, second, "www.example.com", ann)
    with cloud.reading() as session:
        assert certificates.of_app(session, first.handle) == []
        assert [kept.arn for kept in certificates.of_app(session, second.handle)] == ["arn"]


def test_an_internal_app_has_an_internal_name(cloud: Store, store: Store, ann: Actor) -> None:
    with store.writing() as session, pytest.raises(Conflict, match="no internal apps"):
        apps.create(session, "billing", is_internal=True, by=ann)
    with cloud.writing() as session:
        user, _ = users.first(session, "Ann", "ann@example.com")
        app = apps.create(session, "billing", is_internal=True, by=users.acting(user, "test"))
        assert manifests.live(session, app) is None
    assert names(cloud, app) == ["billing.apps.internal"]
