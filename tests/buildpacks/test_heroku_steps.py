"""The program that runs classic buildpacks, here with folders of the test instead of the container's."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from buildpacks import heroku_steps
from tests.buildpacks.classic import FAILING, GREETER, TOOL
from tests.buildpacks.sources import File, Program, Repository


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("BUILD", "CACHE", "ENV", "RESULT"):
        monkeypatch.setattr(heroku_steps, name, tmp_path / name.lower())
    monkeypatch.setattr(heroku_steps, "APT", tmp_path / "apt")
    monkeypatch.setattr(heroku_steps, "BUILDPACKS", tmp_path / "buildpacks")
    monkeypatch.setenv("SOURCE_VERSION", "abc")
    (tmp_path / "build").mkdir()
    (tmp_path / "env").mkdir()
    (tmp_path / "env" / "TOKEN").write_text("secret")
    return tmp_path


def steps(place: Path, monkeypatch: pytest.MonkeyPatch, *buildpacks: dict[str, File]) -> int:
    for number, files in enumerate(buildpacks, start=1):
        folder = place / "buildpacks" / f"{number:02}"
        Repository(folder).commit(files)
        shutil.rmtree(folder / ".git")
    names = [f"bp{number}" for number in range(1, len(buildpacks) + 1)]
    monkeypatch.setattr(sys, "argv", ["heroku_steps.py", json.dumps(names)])
    return heroku_steps.main()


def test_what_they_leave(
    place: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (place / "build" / "greeting").write_text("hi")
    (place / "build" / "Procfile").write_text("web: x\n")
    assert steps(place, monkeypatch, TOOL, GREETER) == 0
    assert "-----> Greeter app detected" in capfd.readouterr().out
    assert (place / "build" / "made").read_text() == "tool says hi\n"
    assert (place / "result" / "Procfile").read_text() == "web: x\n"
    assert "tool works" in (place / "result" / "release.yml").read_text()
    script = f". {place}/build/.profile.d/000_release.sh; echo $COLOUR, $SHADE"
    done = subprocess.run(
        ["bash", "-c", script],
        env={"SHADE": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "pale blue,\n"


def test_one_without_release(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sources = place / "apt" / "sources.list.d"
    sources.mkdir(parents=True)
    (sources / "debian.sources").write_text("Types: deb\n")
    assert steps(place, monkeypatch, TOOL) == 0
    assert (place / "result" / "release.yml").read_text() == ""
    assert not (place / "build" / ".profile.d" / "000_release.sh").exists()
    assert (place / "apt" / "sources.list").read_text() == ""
    assert (sources / "ubuntu.sources").read_text() == "Types: deb\n"


@pytest.mark.parametrize(
    ("files", "code", "said"),
    [
        (GREETER, heroku_steps.REFUSED, "no greeting here\n\nbuildpack 1 said no: bp1"),
        (FAILING, 7, "buildpack 1 failed: bin/compile of bp1 ended with exit code 7"),
        (
            {**TOOL, "bin/release": Program("#!/bin/sh\necho because; exit 3\n")},
            3,
            "because\n\nbuildpack 1 failed: bin/release of bp1 ended with 3",
        ),
        (
            {"bin/detect": "no program", "bin/compile": ""},
            heroku_steps.REFUSED,
            "detect cannot be run: Permission denied\nbuildpack 1 said no: bp1",
        ),
    ],
)
def test_what_ends_it(
    files: dict[str, File],
    code: int,
    said: str,
    place: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    assert steps(place, monkeypatch, files) == code
    assert capfd.readouterr().out.endswith(f"{said}\n")


def test_config_vars_of_a_release() -> None:
    text = (
        "---\naddons: []\nconfig_vars:\n  A: 1\n  'B' : \"x: y\"\n  bad-name: 2\nother:\n  C: 3\n"
    )
    assert heroku_steps.config_vars(text) == {"A": "1", "B": "x: y"}
