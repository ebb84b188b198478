"""What heroku.yml says; whole apps with one are among the plans."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buildpacks import heroku_yml
from buildpacks.detect import detect
from buildpacks.plan import Plan
from buildpacks.stack_facts import Stack
from buildpacks.tree import Tree
from buildpacks.yaml_file import of_yaml
from empire.errors import InvalidInput
from tests.buildpacks.sources import Repository

BUILD = "build:\n  docker:\n    web: Dockerfile\n"


def plan(repository: Repository, text: str, **files: str) -> Plan:
    content = {"heroku.yml": text, "Dockerfile": "FROM scratch\nARG A\n", **files}
    with Tree(repository.commit(content)) as tree:
        return detect(tree).plan(tree, Stack.usual())


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("build: [", "heroku.yml cannot be read"),
        ("- build", "heroku.yml cannot be read"),
        ("a: \x07", "heroku.yml cannot be read"),
        ("a: " + "[" * 3000, "heroku.yml cannot be read"),
        ("a: &a [*a]", "heroku.yml cannot be read"),
        ("a: &a [" + "1, " * 200 + "]\nb: [" + "*a, " * 60 + "]", "heroku.yml cannot be read"),
        ("? [a]\n: b", "heroku.yml, line 1 cannot be read"),
        ("a: 1\n<<: {b: 2}", "heroku.yml, line 2 cannot be read"),
        ("build:\n  docker: Dockerfile", "line 2: build.docker is wrong"),
        ("build:\n  docker:\n    we b: Dockerfile", "line 3: build.docker.we b is wrong"),
        ("build:\n  docker:\n    web: ../Dockerfile", "line 3: build.docker.web is wrong"),
        ("build:\n  docker:\n    web:", "line 3: build.docker.web is wrong"),
        ("build:\n  docker:\n    web: {target: a}", "line 3: build.docker.web.dockerfile is wrong"),
        ("build:\n  docker:\n    web: {image: web}", "line 3: build.docker.web.image is wrong"),
        (BUILD + "  config:\n    A: [b]", "line 5: build.config.A is wrong"),
        (BUILD + "run:\n  release: ./migrate", "line 5: run.release is wrong"),
        (BUILD + "run:\n  web:\n    command: []", "line 6: run.web.command is wrong"),
        (BUILD + "release:\n  image: web", "line 4: release.command is wrong"),
        (BUILD + "setup:\n  addons:\n    - as: DB", "line 6: setup.addons.plan is wrong"),
    ],
)
def test_what_cannot_be_is_refused_with_its_line(
    repository: Repository, text: str, what: str
) -> None:
    with pytest.raises(InvalidInput) as refusal:
        plan(repository, text)
    assert what in refusal.value.what
    assert refusal.value.why


def test_build_arguments_are_texts(repository: Repository) -> None:
    found = plan(repository, BUILD + '  config:\n    A: yes\n    B:\n    C: "0x1F"\n    D: 010\n')
    assert found.arguments == {"A": "yes", "B": "", "C": "0x1F", "D": "010"}
    assert [one for one in found.warnings if "has no ARG A" in one] == []


def test_a_release_image_is_no_process(repository: Repository) -> None:
    text = "build:\n  docker:\n    web: Dockerfile\n    release: ./Dockerfile\n"
    assert plan(repository, text).processes == {"web": ""}
    command = "release:\n  image: release\n  command: [./migrate]\n"
    assert plan(repository, text + command).processes == {"web": "", "release": "./migrate"}


def test_what_other_files_list_is_not_used_and_that_is_said(repository: Repository) -> None:
    app = {"app.json": '{"buildpacks": [{"url": "heroku/python"}]}', "project.toml": ""}
    found = plan(repository, BUILD, **app)
    assert "app.json's buildpacks are not used: heroku.yml builds the app." in found.notes
    assert found.buildpack == "Dockerfile"


def test_an_empty_file_says_nothing(repository: Repository) -> None:
    with Tree(repository.commit({"heroku.yml": "# nothing\n"})) as tree:
        assert not heroku_yml.recognises(tree)
        assert heroku_yml.setup(tree) == heroku_yml.Setup()


@given(st.binary() | st.text(alphabet="ab:-{}[]&*!? \n\t'\"#|>%@,<").map(str.encode))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    with suppress(InvalidInput):
        of_yaml("heroku.yml", content).items()
