"""What a .dockerignore leaves out of the context."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buildpacks.ignore import Ignored, like_git

PATHS = st.lists(st.text("abc.*?[]\\!-^ü", min_size=1, max_size=5), min_size=1, max_size=4).map(
    "/".join
)


@pytest.mark.parametrize(
    ("patterns", "path", "is_ignored"),
    [
        ("*.log", "a.log", True),
        ("*.log", "sub/a.log", False),
        ("**/*.log", "a.log", True),
        ("**/*.log", "x/y/a.log", True),
        ("node_modules", "node_modules/a/b.js", True),
        ("/node_modules/", "node_modules/a/b.js", True),
        ("node_modules", "web/node_modules/a.js", False),
        ("**/node_modules", "web/node_modules/a.js", True),
        ("docs\n!docs/keep.md", "docs/keep.md", False),
        ("docs\n!docs/keep.md", "docs/other.md", True),
        ("docs\n!docs/keep.md\ndocs/*", "docs/keep.md", True),
        ("*\n!src", "src/deep/a.py", False),
        ("*\n!src", "README", True),
        ("a/**/z", "a/z", True),
        ("a/**/z", "a/b/c/z", True),
        ("a/**", "a/b", True),
        ("a/**", "a", False),
        ("?.txt", "a.txt", True),
        ("?.txt", "ab.txt", False),
        ("[a-c].txt", "b.txt", True),
        ("[^a-c].txt", "b.txt", False),
        ("[^a-c].txt", "z.txt", True),
        ("[]", "[]", True),
        ("\\*.txt", "*.txt", True),
        ("\\*.txt", "a.txt", False),
        ("# a comment\n\n  secret  ", "secret", True),
        ("#file", "#file", False),
        ("./a/../b", "b", True),
        ("a.b", "axb", False),
        ("temp?", "temp/x", False),
        ("\ufeffx", "x", True),
    ],
)
def test_the_engines_rules(patterns: str, path: str, is_ignored: bool) -> None:
    assert Ignored(patterns)(path) is is_ignored


def test_nothing_is_ignored_without_patterns() -> None:
    assert not Ignored("")("anything")


@given(PATHS, PATHS)
def test_any_pattern_can_be_read(pattern: str, path: str) -> None:
    Ignored(pattern)(path)


@given(PATHS)
def test_everything_can_be_taken_back(path: str) -> None:
    assert Ignored("**")(path)
    assert not Ignored("**\n!**")(path)


def test_a_slugignore_is_read_as_git_reads_its_own() -> None:
    is_left_out = Ignored(like_git("*.psd\n# no\n!keep.psd\n/docs\ntest/  # folders\na/b\n"))
    assert is_left_out("x/y.psd")
    assert is_left_out("keep.psd")
    assert is_left_out("docs/a.md")
    assert not is_left_out("web/docs/a.md")
    assert is_left_out("web/test/a.py")
    assert is_left_out("a/b/c")
    assert not is_left_out("z/a/b")
