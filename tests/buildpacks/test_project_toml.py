"""What project.toml says; whole apps with one are among the plans."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buildpacks.detect import detect
from buildpacks.listed import builtin
from buildpacks.plan import Plan
from buildpacks.project_toml import read
from buildpacks.stack_facts import Stack
from buildpacks.tree import Tree
from empire.errors import BuildFailed, InvalidInput
from tests.buildpacks.sources import Repository

ENV = "[[build.env]]\n"


def plan(repository: Repository, **files: str) -> Plan:
    with Tree(repository.commit(files)) as tree:
        return detect(tree).plan(tree, Stack.usual())


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("a = " + "[" * 100_000, "project.toml cannot be read"),
        ("build = 1", "line 1: build is wrong"),
        ("[build]\nexclude = 'a'", "line 2: build.exclude is wrong"),
        ("[build]\nexclude = ['a', 1]", "line 2: build.exclude is wrong"),
        ("[build]\ninclude = ['a']\nexclude = ['b']", "line 3: build.exclude is wrong"),
        (ENV + "name = 'PATH'\nvalue = '/x'", "line 2: build.env.name is wrong"),
        (ENV + "name = 'A B'\nvalue = 'x'", "line 2: build.env.name is wrong"),
        (ENV + "name = 'A'\nvalue = 1", "line 3: build.env.value is wrong"),
        (ENV + "name = 'A'\nvalue = '''a\nb'''", "line 3: build.env.value is wrong"),
        ("[[build.buildpacks]]\nversion = '1'", "build.buildpacks.uri is wrong"),
    ],
)
def test_what_cannot_be_is_refused_with_its_line(text: str, what: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        read(text.encode())
    assert what in refusal.value.what
    assert refusal.value.why


def test_both_versions_are_read() -> None:
    old = read(b'[[build.buildpacks]]\nid = "heroku/go"\n[build]\nexclude = ["a"]\n')
    new = read(b'[[io.buildpacks.group]]\nuri = "heroku/go"\n[io.buildpacks]\nexclude = ["a"]\n')
    for project in (old, new):
        assert [one.text() for one in project.buildpacks] == ["heroku/go"]
        assert project.ignored == "**/a"


def test_buildpacks_see_only_what_is_included(repository: Repository) -> None:
    files = {"package.json": "{}", "server.js": "", "app.py": "", "requirements.txt": "x"}
    found = plan(repository, **files, **{"project.toml": '[build]\nexclude = ["*.js*"]\n'})
    assert found.buildpack == "Python"
    with pytest.raises(BuildFailed, match="No buildpack recognises this app"):
        plan(repository, **{"project.toml": '[build]\ninclude = ["docs/"]\n'})


def test_what_is_left_out_may_be_taken_back() -> None:
    project = read(b'[build]\nexclude = ["/docs/*", "!/docs/api/"]\n')
    assert project.ignored.split() == ["docs/*", "!docs/api"]


@pytest.mark.parametrize(
    ("name", "module"),
    [
        ("heroku/python", "python"),
        ("heroku/nodejs@3.2.1", "node"),
        ("urn:cnb:registry:heroku/java", "java"),
        ("docker://docker.io/heroku/buildpack-ruby:2", "ruby"),
        ("https://github.com/heroku/heroku-buildpack-go.git#v1", "golang"),
        ("https://github.com/heroku/heroku-buildpack-php", "php"),
        ("https://github.com/heroku/heroku-buildpack-scala", ""),
        ("https://github.com/me/heroku-buildpack-php", ""),
        ("python", ""),
    ],
)
def test_names_and_addresses_mean_ours(name: str, module: str) -> None:
    assert builtin(name) == module


def test_a_formation_is_not_doubted_before_its_processes_are_known(repository: Repository) -> None:
    files = {
        "app.json": '{"formation": {"web": {"quantity": 2}}}',
        ".buildpacks": "https://example.com/own.git\n",
    }
    found = plan(repository, **files)
    assert found.life.formation == {"web": (2, "")}
    assert found.warnings == ()


def test_a_procfile_buildpack_alone_builds(repository: Repository) -> None:
    files = {
        "Procfile": "web: ./serve",
        "index.html": "",
        "app.json": '{"buildpacks": ["heroku/procfile"]}',
    }
    assert plan(repository, **files).buildpack == "Procfile"


@given(st.binary() | st.text(alphabet="ab[]=\"'\n.#").map(str.encode))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    with suppress(InvalidInput):
        read(content)
