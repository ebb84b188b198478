"""What files of an app and its config vars say about its build, in real builds."""

import json
import uuid

import pytest

from buildpacks.builder import Builder
from empire.errors import BuildFailed, InvalidInput
from empire.secrets import Secret
from tests.buildpacks.conftest import MakeBuilder
from tests.buildpacks.sources import BASE, Link, Program, Repository, never, told
from tests.buildpacks.test_builder import run

pytestmark = pytest.mark.docker


def test_a_folder_of_the_repository_is_the_app(builder: Builder, repository: Repository) -> None:
    files = {
        "index.html": "not this",
        "site/index.html": "this",
        "site/.slugignore": "*.psd\n",
        "site/art/a.psd": "large",
        "site/app.json": json.dumps(
            {"env": {"NEEDED": {}, "SET": {}, "OPTIONAL": {"required": False}}}
        ),
    }
    config = {"APP_ROOT": Secret("site"), "SET": Secret("1")}
    story = told(builder.build(repository.commit(files), "1", never, config))
    listing = run(story.image.ref, "sh", "-c", "cat index.html; find . -type f | sort")
    assert listing == "this./.slugignore\n./app.json\n./index.html\n"
    assert "app.json asks for config vars that are not set: NEEDED" in story.text
    with pytest.raises(InvalidInput, match="APP_ROOT is 'nowhere'"):
        told(builder.build(repository.commit({}), "2", never, {"APP_ROOT": Secret("nowhere")}))


def test_a_dockerfile_may_see_more_than_its_folder(
    builder: Builder, repository: Repository
) -> None:
    dockerfile = f"{BASE}ARG SOURCE_VERSION\nCOPY lib/a /a\nRUN echo $SOURCE_VERSION >>/a\n"
    source = repository.commit({"web/Dockerfile": dockerfile, "lib/a": "shared "})
    config = {"APP_ROOT": Secret("web"), "CONTEXT_ROOT": Secret(".")}
    story = told(builder.build(source, "1", never, config))
    assert run(story.image.ref, "cat", "/a") == f"shared {source.commit}\n"
    assert "SOURCE_VERSION" not in story.text.split("\n", 2)[1]


def test_submodules_are_refused_unless_they_are_left_out(
    builder: Builder, repository: Repository
) -> None:
    link = ("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},lib")
    repository.commit({"index.html": str(uuid.uuid4())})
    repository.git("-C", str(repository.folder), *link)
    repository.git("-C", str(repository.folder), "commit", "-qm", "lib")
    with pytest.raises(BuildFailed, match=r"(?s)submodule 'lib'.*does not name its repository"):
        told(builder.build(repository.source(), "1", never))
    (repository.folder / ".slugignore").write_text("lib\n")
    repository.git("-C", str(repository.folder), "add", ".slugignore")
    repository.git("-C", str(repository.folder), "commit", "-qm", "left out")
    told(builder.build(repository.source(), "2", never))


def test_a_project_descriptor_says_what_the_build_sees(
    builder: Builder, repository: Repository
) -> None:
    variable = '[[build.env]]\nname = "MODE"\nvalue = "a $HOME \\"b\\""\n'
    files = {
        "project.toml": f'[build]\nexclude = ["docs/", "*.psd"]\n{variable}',
        "manage.py": "import os\nopen('/app/mode', 'w').write(os.environ['MODE'])\n",
        "app/settings.py": "STATIC_ROOT = 'static'\n",
        "docs/a.md": "left out",
        "art/b.psd": "left out",
    }
    image = told(builder.build(repository.commit(files), "1", never)).image.ref
    listing = run(image, "sh", "-c", "cat mode; echo; env | grep MODE; find . -type f | sort")
    assert listing == ('a $HOME "b"\n./app/settings.py\n./manage.py\n./mode\n./project.toml\n')


def test_a_folder_above_may_be_the_context_of_heroku_yml(
    builder: Builder, repository: Repository
) -> None:
    files = {
        "apps/web/heroku.yml": "build:\n  docker:\n    web: docker/Dockerfile\n",
        "apps/web/docker/Dockerfile": f"{BASE}COPY a /a\n",
        "apps/web/docker/a": "beside the Dockerfile\n",
        "a": "at the top\n",
    }
    source, config = repository.commit(files), {"APP_ROOT": Secret("apps/web")}
    image = told(builder.build(source, "1", never, config)).image.ref
    assert run(image, "cat", "/a") == "beside the Dockerfile\n"
    image = told(
        builder.build(source, "2", never, {**config, "CONTEXT_ROOT": Secret(".")})
    ).image.ref
    assert run(image, "cat", "/a") == "at the top\n"


@pytest.mark.parametrize("kind", ["buildkit", "classic"])
def test_programs_names_and_links_are_kept(
    kind: str, make_builder: MakeBuilder, repository: Repository
) -> None:
    source = repository.commit(
        {
            "Procfile": "web: ./run\n",
            "run": Program("#!/bin/sh\ncat übung/ナイン.txt link/a\n"),
            "übung/ナイン.txt": "utf-8 ",
            "real/a": "linked",
            "link": Link("real"),
            "program": Link("run"),
        }
    )
    image = told(make_builder(builder=kind).build(source, kind, never)).image.ref
    assert run(image, "sh", "-c", "./program; readlink link") == "utf-8 linkedreal\n"
