"""Pushes that are refused before anything is built: the reason is told and nothing stays behind."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from empire import access, apps, line
from empire.access import Permission
from empire.users import Role
from tests.gitserver.world import Done, Person, World, commit, running

EMPTY_BLOB = bytes.fromhex("e69de29bb2d1d6434b8b29ae775ad8c2e48c5391")
MODES = {"file": b"100644", "folder": b"40000", "link": b"120000", "module": b"160000"}


@pytest.fixture
def small(tmp_path: Path) -> Iterator[World]:
    with running(tmp_path, pack_max_mib=1, source_max_mib=2, source_max_files=5) as world:
        yield world


def write_object(where: Path, kind: str, content: bytes) -> str:
    words = ["git", "-C", str(where), "hash-object", "-w", "--literally", "-t", kind, "--stdin"]
    return (
        subprocess.run(words, input=content, capture_output=True, check=True)
        .stdout.decode()
        .strip()
    )


def tree_of(where: Path, *entries: tuple[str, bytes, bytes]) -> str:
    write_object(where, "blob", b"")
    rows = [b"%s %s\0%s" % (MODES[kind], name, target) for kind, name, target in entries]
    return write_object(where, "tree", b"".join(rows))


def push_tree(world: World, person: Person, where: Path, tree: str) -> Done:
    made = world.git(person, where, "commit-tree", "-m", "Made by hand", tree)
    assert made.code == 0, made.err
    return world.git(person, where, "push", "empire", f"{made.out.strip()}:refs/heads/main")


def assert_refused(world: World, done: Done, reason: str) -> None:
    assert done.code == 1, done.all
    assert "[remote rejected]" in done.err
    assert reason in done.err
    assert world.refs() == {}
    assert world.objects() == []
    assert world.quarantines() == []
    assert world.builder.called("build") == []


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (b"..", "'..'"),
        (b".", "'.'"),
        (b".git", "'.git'"),
        (b".GIT", "'.git'"),
        (b"git~1", "'.git'"),
        (b"a/b", "'/' in its name"),
    ],
)
def test_dangerous_tree_entries(
    world: World, ann: Person, work: Path, name: bytes, shown: str
) -> None:
    done = push_tree(world, ann, work, tree_of(work, ("file", name, EMPTY_BLOB)))
    assert_refused(world, done, f"(The push holds a tree with the entry {shown}.)")
    assert "reach outside of its folder" in done.err


def test_dangerous_entries_deep_in_the_history(world: World, ann: Person, work: Path) -> None:
    bad = tree_of(work, ("file", b"..", EMPTY_BLOB))
    parent = world.git(ann, work, "commit-tree", "-m", "Bad", bad).out.strip()
    words = ("commit-tree", "-m", "Good", "-p", parent, "HEAD^{tree}")
    head = world.git(ann, work, *words).out.strip()
    done = world.git(ann, work, "push", "empire", f"{head}:refs/heads/main")
    assert_refused(world, done, "with the entry '..'")


def test_unsorted_trees(world: World, ann: Person, work: Path) -> None:
    tree = tree_of(work, ("file", b"b", EMPTY_BLOB), ("file", b"a", EMPTY_BLOB))
    done = push_tree(world, ann, work, tree)
    assert_refused(world, done, "(The push holds a broken object.)")
    assert "not properly sorted" in done.err


def test_broken_commits(world: World, ann: Person, work: Path) -> None:
    tree = tree_of(work, ("file", b"a", EMPTY_BLOB))
    bad = write_object(work, "commit", f"tree {tree}\n\nNobody made this\n".encode())
    done = world.git(ann, work, "push", "empire", f"{bad}:refs/heads/main")
    assert_refused(world, done, "(The push holds a broken object.)")


def test_names_that_differ_only_in_case(world: World, ann: Person, work: Path) -> None:
    tree = tree_of(work, ("file", b"README", EMPTY_BLOB), ("file", b"readme", EMPTY_BLOB))
    done = push_tree(world, ann, work, tree)
    assert_refused(world, done, "('README' and 'readme' differ only in case.)")


def test_folders_and_accents_that_differ_only_in_writing(
    world: World, ann: Person, work: Path
) -> None:
    composed, decomposed = "é".encode(), "e\u0301".encode()
    tree = tree_of(work, ("file", decomposed, EMPTY_BLOB), ("file", composed, EMPTY_BLOB))
    assert_refused(world, push_tree(world, ann, work, tree), "differ only in case")
    inner = bytes.fromhex(tree_of(work, ("file", b"x", EMPTY_BLOB)))
    tree = tree_of(work, ("folder", b"Lib", inner), ("folder", b"lib", inner))
    assert_refused(
        world, push_tree(world, ann, work, tree), "('Lib' and 'lib' differ only in case.)"
    )


@pytest.mark.parametrize(
    "links",
    [
        {"out": "../secret"},
        {"out": "/etc/passwd"},
        {"deep/out": "../../x"},
        {"deep/up": "..", "out": "deep/up/../x"},
        {"a": "b", "b": "a"},
    ],
)
def test_links_that_leave_the_tree(
    world: World, ann: Person, work: Path, links: dict[str, str]
) -> None:
    for name, target in links.items():
        (work / name).parent.mkdir(exist_ok=True)
        (work / name).symlink_to(target)
    commit(world, ann, work, {})
    done = world.git(ann, work, "push", "empire", "main")
    assert_refused(world, done, "leaves the source: it points to ")


def test_links_that_stay_in_the_tree_are_fine(world: World, ann: Person, work: Path) -> None:
    (work / "deep").mkdir()
    (work / "deep" / "up").symlink_to("../app.py")
    (work / "deep" / "top").symlink_to("..")
    (work / "dangling").symlink_to("./deep/top/nothing/here")
    commit(world, ann, work, {})
    world.push(ann, work)


def test_submodules_are_told_of(world: World, ann: Person, work: Path) -> None:
    tree = tree_of(work, ("file", b"a", EMPTY_BLOB), ("module", b"lib", b"\1" * 20))
    done = push_tree(world, ann, work, tree)
    assert done.code == 0
    assert "remote:  !     'lib' is a submodule: a push has no files" in done.err


def test_a_commit_without_files(world: World, ann: Person, work: Path) -> None:
    done = push_tree(world, ann, work, write_object(work, "tree", b""))
    assert_refused(world, done, "(The commit has no files.)")


def test_a_tag_object_on_the_deploy_branch(world: World, ann: Person, work: Path) -> None:
    world.git(ann, work, "tag", "-a", "-m", "Annotated", "v1")
    tag = world.git(ann, work, "rev-parse", "v1").out.strip()
    zero = "0" * 40
    line = f"{zero} {tag} refs/heads/main\0report-status side-band-64k"
    done = world.talk(ann, "git-receive-pack hello", world.pkt(line) + pack_of(work, tag, "v1"))
    assert "ng refs/heads/main refs/heads/main can only name a commit." in done
    assert world.objects() == []


def pack_of(where: Path, *names: str, revs: bool = True) -> bytes:
    words = [
        "git",
        "-C",
        str(where),
        "pack-objects",
        "--stdout",
        "-q",
        *(["--revs"] if revs else []),
    ]
    stdin = "\n".join([*names, ""]).encode()
    return subprocess.run(words, input=stdin, capture_output=True, check=True).stdout


def raw_push(world: World, person: Person, new: str, pack: bytes) -> str:
    line = f"{'0' * 40} {new} refs/heads/main\0report-status side-band-64k"
    done = world.talk(person, "git-receive-pack '/hello.git'", world.pkt(line) + pack)
    assert world.objects() == []
    assert world.quarantines() == []
    return done


def test_packs_that_lack_an_object(world: World, ann: Person, work: Path) -> None:
    head = world.head(work)
    done = raw_push(world, ann, head, pack_of(work, head, revs=False))
    assert "unpack The push is not complete: an object that it refers to is missing." in done
    other = write_object(work, "blob", b"other")
    done = raw_push(world, ann, head, pack_of(work, other, revs=False))
    assert "ng refs/heads/main The push is not complete" in done


def test_packs_that_are_damaged_or_cut(world: World, ann: Person, work: Path) -> None:
    head = world.head(work)
    pack = bytearray(pack_of(work, "HEAD"))
    pack[len(pack) // 2] ^= 0xFF
    assert "ng refs/heads/main The push holds a broken object." in raw_push(
        world, ann, head, bytes(pack)
    )
    assert "was cut off before it was complete" in raw_push(world, ann, head, bytes(pack[:40]))
    assert "was cut off before it was complete" in raw_push(world, ann, head, b"")


@pytest.mark.parametrize(
    "words",
    [b"zzzz", b"0010hello world!", b"0007new", b"000bshallow", b"0032" + b"x" * 46, b"", b"0000"],
)
def test_what_is_not_gits_protocol(world: World, ann: Person, work: Path, words: bytes) -> None:
    world.talk(ann, "git-receive-pack hello", words + b"0000")
    assert world.refs() == {}
    world.push(ann, work)


def test_ref_names_that_git_does_not_allow(world: World, ann: Person, work: Path) -> None:
    line = f"{'0' * 40} {world.head(work)} refs/heads/a..b\0report-status"
    done = world.talk(ann, "git-receive-pack hello", world.pkt(line) + pack_of(work, "HEAD"))
    assert "ng refs/heads/a..b 'refs/heads/a..b' is not a ref name" in done


def test_packs_over_the_limit(small: World) -> None:
    ann = small.person("ann")
    work = small.clone_of(ann)
    (work / "noise.bin").write_bytes(
        subprocess.check_output(["head", "-c", "5000000", "/dev/urandom"])
    )
    commit(small, ann, work, {})
    done = small.git(ann, work, "push", "empire", "main")
    assert_refused(small, done, "The push is larger than 1 MiB.")


def test_sources_over_the_limits(small: World) -> None:
    ann = small.person("ann")
    work = small.clone_of(ann)
    commit(small, ann, work, {"zeros": "0" * 4_000_000})
    done = small.git(ann, work, "push", "empire", "main")
    assert_refused(small, done, "have 3 MiB together; at most 2 are built")
    commit(small, ann, work, {str(number): "" for number in range(5)})
    done = small.git(ann, work, "push", "empire", "main")
    assert_refused(small, done, "(The source has 8 files; at most 5 are built")


def test_an_app_that_is_being_destroyed(world: World, ann: Person, work: Path) -> None:
    world.app("hello", ann)
    world.worker.stop()
    with world.store.writing() as session:
        app = access.require(session, ann.actor, "hello", Permission.OWN)
        line.submit_destroy(session, app, by=ann.actor)
    done = world.git(ann, work, "push", "empire", "main")
    assert_refused(world, done, "(hello is being destroyed.)")


# Which app?


@pytest.mark.parametrize(
    "path", ["app", "app.git", "/app", "/app.git", "/app.git/", "~/app.git", "/~/app.git"]
)
def test_every_way_to_write_the_path(world: World, ann: Person, work: Path, path: str) -> None:
    ssh = world.env(ann, "-p", str(world.server.port))
    words = ["git", "-C", str(work), "push", f"anybody@127.0.0.1:{path}", "main"]
    done = world.run(words, ssh)
    assert done.code == 0, done.all
    assert set(world.refs("app")) == {"refs/heads/main"}


@pytest.mark.parametrize("path", ["../x", "", "a;b", "a b", "x/../y", "/", "UPPER", "a'b", "$(id)"])
def test_paths_that_name_no_app(world: World, ann: Person, work: Path, path: str) -> None:
    for verb in ("push", "fetch"):
        ssh = world.env(ann, "-p", str(world.server.port))
        words = ["git", "-C", str(work), verb, f"git@127.0.0.1:{path}", "main"]
        done = world.run(words, ssh)
        assert done.code != 0
        if path:  # git itself refuses an empty one
            assert "ssh://git@example.com:2222/hello.git" in done.err, done.err
    assert world.refs() == {}


def test_an_unknown_app_names_the_command_where_pushes_make_none(tmp_path: Path) -> None:
    with running(tmp_path, create_apps_on_push=False) as world:
        ann = world.person("ann")
        done = world.git(ann, world.clone_of(ann), "push", "empire", "main")
        assert done.code == 128
        assert "There is no app hello, or you may not see it." in done.err
        assert "empire apps:create hello" in done.err


def test_who_may_not_make_apps_makes_none_by_a_push(world: World, ann: Person, work: Path) -> None:
    viewer = world.person("vic", Role.VIEWER)
    done = world.git(viewer, work, "push", "empire", "main")
    assert "There is no app hello" in done.err
    with world.store.reading() as session:
        assert apps.visible_to(session, ann.actor) == []


def test_an_app_that_one_may_only_see_takes_no_push(world: World, ann: Person, work: Path) -> None:
    world.push(ann, work)
    viewer = world.person("vic", Role.VIEWER)
    done = world.git(viewer, work, "push", "empire", "main")
    assert done.code == 128
    assert "You may not deploy hello." in done.err


def test_an_app_that_one_may_not_see_is_not_there(world: World, ann: Person, work: Path) -> None:
    world.push(ann, work)
    bob = world.person("bob")
    for words in (("push", "empire", "main"), ("fetch", "empire"), ("ls-remote", "empire")):
        done = world.git(bob, work, *words)
        assert done.code == 128
        assert "There is no app" in done.err
        assert world.head(work) not in done.all
