"""What a push would build, without a server."""

import json
import subprocess
from pathlib import Path

import pytest

from buildpacks.work_tree import source_of
from cli import main
from empire.errors import EmpireError, InvalidInput
from empire.names import AppName
from empire.settings import Settings
from tests.buildpacks.classic import TOOL
from tests.buildpacks.conftest import require_engine, sweep
from tests.buildpacks.git_host import serving
from tests.buildpacks.sources import Repository

Printed = pytest.CaptureFixture[str]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EMPIRE_HOME", str(tmp_path / "home"))
    folder = tmp_path / "My Site"
    folder.mkdir()
    (folder / "index.html").write_text("hello")
    (folder / ".gitignore").write_text("node_modules/\n")
    (folder / "node_modules").mkdir()
    (folder / "node_modules" / "x.js").write_text("x")
    return folder


def run(*words: str) -> None:
    with pytest.raises(SystemExit) as end:
        main.main(words)
    assert not end.value.code


def test_the_plan_of_a_folder_is_shown(folder: Path, capsys: Printed) -> None:
    run("build:plan", str(folder))
    assert capsys.readouterr().out.splitlines()[:3] == [
        "Buildpack: static",
        "Base image: empire/python:3",
        "Serving the top folder",
    ]
    (folder / "Dockerfile").write_text("FROM scratch\n")
    (folder / "Procfile").write_text("worker: ./w\n")
    run("build:plan", str(folder))
    assert capsys.readouterr().out.splitlines() == [
        "Buildpack: Dockerfile",
        "Procfile: worker",
        "  web: (the image's own command)",
        "  worker: ./w",
    ]
    run("build:plan", "--dockerfile", str(folder))
    assert capsys.readouterr().out == "FROM scratch\n"


def test_the_plan_is_also_json(folder: Path, capsys: Printed) -> None:
    (folder / "package.json").write_text('{"scripts": {"start": "node x.js"}}')
    (folder / "index.html").unlink()
    run("build:plan", "--json", str(folder))
    shape = json.loads(capsys.readouterr().out)
    assert (shape["buildpack"], shape["base"]) == ("Node.js", "empire/node:24")
    assert shape["processes"] == {"web": "npm start"}
    assert shape["dockerfile"].startswith("FROM empire/node:24 AS build\n")
    run("build:plan", str(folder))
    assert "Warning: There is no lock file" in capsys.readouterr().out


def test_what_cannot_be_built_is_refused(folder: Path) -> None:
    with pytest.raises(InvalidInput, match="There is no folder"):
        main.main(["build:plan", str(folder / "nowhere")])
    (folder / "index.html").unlink()
    with pytest.raises(EmpireError, match="No buildpack recognises this app"):
        main.main(["build:plan", str(folder)])
    (folder / ".gitignore").unlink()
    (folder / ".gitattributes").write_text("* working-tree-encoding=nonsense\n")
    with pytest.raises(InvalidInput, match="Git cannot read this folder"):
        main.main(["build:plan", str(folder)])


def test_the_same_files_are_the_same_commit_and_ignored_ones_stay_out(folder: Path) -> None:
    with source_of(folder, AppName("app")) as first:
        listing = ["git", f"--git-dir={first.git_dir}", "ls-tree", "-r", "--name-only", first.tree]
        done = subprocess.run(listing, capture_output=True, text=True, check=True)
    with source_of(folder, AppName("app")) as second:
        assert second.commit == first.commit
    assert done.stdout.split() == [".gitignore", "index.html"]
    assert not (folder / ".git").exists()


@pytest.mark.docker
def test_a_folder_is_built_here(folder: Path, capsys: Printed) -> None:
    settings = Settings(home=folder.parent / "home" / "builds")
    require_engine(settings)
    try:
        run("build", str(folder))
        said = capsys.readouterr()
        assert said.out.startswith("sha256:")
        assert "-----> Building with the static buildpack" in said.err
        run("build", str(folder))
        again = capsys.readouterr()
        assert again.out == said.out
        assert "made by an earlier attempt" in again.err
    finally:
        sweep(settings)


def test_what_app_json_says_is_in_the_plan(folder: Path, capsys: Printed) -> None:
    (folder / "app.json").write_text(
        json.dumps({"env": {"A": {}, "B": "b"}, "formation": {"web": {"quantity": 2}}})
    )
    run("build:plan", str(folder))
    told = capsys.readouterr().out.splitlines()
    assert "app.json: the app's first version starts with web=2" in told
    assert "Config vars that have to be set: A" in told
    assert "Config vars with a value in the app's files: B" in told
    run("build:plan", "--json", str(folder))
    shown = json.loads(capsys.readouterr().out)
    assert shown["formation"] == {"web": {"quantity": 2, "size": ""}}
    assert shown["config_vars"] == {"required": ["A"], "offered": ["B"]}


def test_the_plan_names_classic_buildpacks_with_their_commits(
    folder: Path, tmp_path: Path, capsys: Printed, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "host").mkdir()
    with serving(tmp_path / "host") as host:
        monkeypatch.setenv("EMPIRE_BUILD_GIT_HOSTS", host.url)
        commit = Repository(tmp_path / "host" / "tool").commit(TOOL).commit
        run("build:plan", "--buildpack", f"{host.url}/tool#main", str(folder))
    assert capsys.readouterr().out.splitlines() == [
        "Buildpack: Heroku",
        "Base image: empire/heroku-build:24",
        "BUILDPACK_URL asks for classic buildpacks, on the stack heroku-24",
        f"Buildpack 1: {host.url}/tool#main at {commit[:12]}",
        "Process types: those of the last one's bin/release, and over them the Procfile's",
    ]
