"""Quarantines and landing on disk, also when a server was killed in between."""

import subprocess
import threading
from pathlib import Path

import pytest

from empire.manifest import Source
from empire.names import AppName, Sha
from empire.settings import Settings
from gitserver import git, repositories
from gitserver.repositories import Repositories, read_shallow
from tests.waiting import wait_until

APP = AppName("hello")
MAIN = "refs/heads/main"


@pytest.fixture
def places(tmp_path: Path) -> Repositories:
    return Repositories(Settings(home=tmp_path))


def pushed(places: Repositories, text: str, parent: Sha | None = None) -> Source:
    """Return a commit whose objects came into a quarantine as a pack."""
    place = places.quarantine(APP)
    blob = git.run(place, "hash-object", "-w", "--stdin", stdin=text.encode()).decode().strip()
    tree = git.run(place, "mktree", stdin=f"100644 blob {blob}\tapp.py\n".encode()).decode().strip()
    by = "Ann <ann@example.com> 1700000000 +0000"
    above = f"parent {parent}\n" if parent else ""
    content = f"tree {tree}\n{above}author {by}\ncommitter {by}\n\n{text}\n".encode()
    commit = git.run(place, "hash-object", "-w", "-t", "commit", "--stdin", stdin=content)
    names = f"{blob}\n{tree}\n{commit.decode()}"
    stem = str(place / "objects" / "pack" / "pack")
    git.run(place, "pack-objects", "-q", stem, stdin=names.encode())
    git.run(place, "prune-packed")
    return Source(APP, Sha(commit.decode().strip()), Sha(tree), place)


def test_landing_keeps_the_objects_and_sets_the_ref(places: Repositories) -> None:
    source = pushed(places, "one")
    assert git.run(source.git_dir, "cat-file", "-t", source.commit) == b"commit\n"
    assert places.refs(APP) == {}
    places.land(source, MAIN)
    assert places.refs(APP) == {MAIN: source.commit}
    assert not source.git_dir.exists()
    git.run(places.path(APP), "fsck", "--full", "--strict")
    places.land(source, MAIN)
    assert places.refs(APP) == {MAIN: source.commit}


def test_landing_goes_on_where_a_killed_server_stopped(places: Repositories) -> None:
    source = pushed(places, "one")
    packs = places.path(APP) / "objects" / "pack"
    for file in (source.git_dir / "objects" / "pack").glob("*.pack"):
        (packs / file.name).hardlink_to(file)
    places.land(source, MAIN)
    git.run(places.path(APP), "fsck", "--full", "--strict")
    assert places.refs(APP) == {MAIN: source.commit}


def test_a_source_that_landed_may_land_again_from_the_repository(places: Repositories) -> None:
    source = pushed(places, "one")
    places.land(source, MAIN)
    landed = Source(APP, source.commit, source.tree, places.path(APP))
    places.land(landed, MAIN)
    places.drop(landed)
    assert places.refs(APP) == {MAIN: source.commit}


def test_dropping_leaves_nothing(places: Repositories) -> None:
    source = pushed(places, "one")
    places.drop(source)
    places.drop(source)
    assert not source.git_dir.exists()
    assert list(places.path(APP).rglob("*.pack")) == []
    with pytest.raises(subprocess.CalledProcessError):
        places.land(source, MAIN)
    assert places.refs(APP) == {}


def test_a_quarantine_borrows_what_landed(places: Repositories) -> None:
    first = pushed(places, "one")
    places.land(first, MAIN)
    second = pushed(places, "two", first.commit)
    archived = git.run(second.git_dir, "archive", first.tree)
    assert b"app.py" in archived
    assert git.run(second.git_dir, "rev-list", "--count", second.commit) == b"2\n"


def test_the_sweep_takes_what_no_deployment_owns(places: Repositories) -> None:
    kept, lost = pushed(places, "one"), pushed(places, "two")
    half = lost.git_dir.with_name("half.1234.deleted")
    half.mkdir()
    gone = places.path(APP).with_name("old.git.1234.deleted")
    gone.mkdir()
    places.sweep({kept.git_dir})
    assert kept.git_dir.exists()
    assert not lost.git_dir.exists()
    assert not half.exists()
    assert not gone.exists()


def test_removing_forgets_the_app(places: Repositories) -> None:
    places.land(pushed(places, "one"), MAIN)
    places.remove(APP)
    places.remove(APP)
    assert places.refs(APP) == {}
    assert not places.path(APP).exists()


def test_refs_are_set_together_or_not_at_all(places: Repositories) -> None:
    source = pushed(places, "one")
    wrong = {"refs/tags/a": (None, source.commit), "refs/tags/b": (source.commit, source.commit)}
    with pytest.raises(subprocess.CalledProcessError):
        places.set_refs(APP, wrong, source.git_dir)
    assert places.refs(APP) == {}
    assert list((places.path(APP) / "objects" / "pack").iterdir()) == []
    places.set_refs(APP, {"refs/tags/a": (None, source.commit)}, source.git_dir)
    assert places.refs(APP) == {"refs/tags/a": source.commit}
    places.set_refs(APP, {"refs/tags/a": (source.commit, None)})
    assert places.refs(APP) == {}


def test_many_packs_become_few_and_nothing_is_lost(
    places: Repositories, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repositories, "PACKS_BEFORE_REPACK", 5)
    forgotten = pushed(places, "forgotten")
    places.land(forgotten, MAIN)
    parent = None
    for number in range(8):
        source = pushed(places, str(number), parent)
        places.land(source, MAIN)
        parent = source.commit
    wait_until(lambda: len(list(places.path(APP).rglob("*.pack"))) <= 5)
    wait_until(lambda: all(thread.name != "repack" for thread in threading.enumerate()))
    assert git.run(places.path(APP), "cat-file", "-t", forgotten.commit) == b"commit\n"
    git.run(places.path(APP), "fsck", "--full", "--strict")


def test_the_shallow_boundary_lands_too(places: Repositories) -> None:
    source = pushed(places, "one", Sha("1" * 40))
    repositories.write_shallow(source.git_dir, {source.commit})
    places.land(source, MAIN)
    assert read_shallow(places.path(APP)) == {source.commit}
    assert read_shallow(places.quarantine(APP)) == {source.commit}
