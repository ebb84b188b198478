"""Reading a commit's files."""

from pathlib import Path

import pytest

from buildpacks import context
from buildpacks.tree import Tree
from empire.errors import BuildFailed, InvalidInput
from empire.manifest import Source
from empire.names import Sha
from tests.buildpacks.sources import Link, Program, Repository


def test_files_links_and_programs(repository: Repository) -> None:
    source = repository.commit(
        {
            "a": "one",
            "sub/ü": "two",
            "run": Program("x"),
            "link": Link("sub/../a"),
            "up": Link("../a"),
        }
    )
    with Tree(source) as tree:
        assert set(tree.entries) == {"a", "sub/ü", "run", "link", "up"}
        assert tree.entries["a"].size == 3
        assert tree.entries["run"].mode == 0o100755
        assert tree.entries["link"].is_link
        assert (tree.text("sub/ü"), tree.text("link"), tree.text("up")) == ("two", "one", "../a")
        assert "a" in tree
        assert "sub" not in tree
        assert tree.committed_at() == 1767323045


def test_a_link_in_a_folder(repository: Repository) -> None:
    source = repository.commit({"a": "one", "sub/up": Link("../a"), "sub/abs": Link("/a")})
    with Tree(source) as tree:
        assert tree.text("sub/up") == "one"
        assert tree.text("sub/abs") == "/a"


def test_links_in_a_circle(repository: Repository) -> None:
    source = repository.commit({"a": Link("b"), "b": Link("a")})
    with Tree(source) as tree, pytest.raises(InvalidInput, match="circle"):
        tree.read("a")


def test_a_thousand_files_in_one_pass(repository: Repository) -> None:
    names = {f"file-{number:04}": str(number) for number in range(1000)}
    with Tree(repository.commit(names)) as tree:
        contents = tree.contents(tree.entries.values())
        assert [int(content) for content in contents] == list(range(1000))


def test_objects_that_are_not_there(repository: Repository, tmp_path: Path) -> None:
    source = repository.commit({"a": "one"})
    gone = Sha("1" * 40)
    with pytest.raises(BuildFailed, match="Git cannot read"):
        Tree(Source(source.app, source.commit, gone, source.git_dir))
    source = Source(source.app, gone, source.tree, source.git_dir)
    with Tree(source) as tree, pytest.raises(BuildFailed, match="Git cannot read"):
        tree.committed_at()


def test_the_context_is_the_same_for_the_same_commit(repository: Repository) -> None:
    source = repository.commit({"a": "one", "sub/b": Link("../a"), "sub/c": "x" * 600})

    def stream() -> bytes:
        with Tree(source) as tree:
            entries = context.kept(tree, lambda path: path == "a")
            return b"".join(context.stream({"Dockerfile": b"FROM x"}, tree, entries, "app/"))

    content = stream()
    assert stream() == content
    assert content.startswith(b"Dockerfile\0")
    assert len(content) % 512 == 0
    assert b"app/a\0" not in content
