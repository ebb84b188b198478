"""Whose images a Dockerfile may build from."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from buildpacks.expansion import UndecidedError, expanded
from buildpacks.origins import Policy
from empire.errors import BuildFailed
from empire.names import AppName
from tests.buildpacks.conftest import MakeBuilder
from tests.buildpacks.sources import BASE, Repository, never, told

MINE = {"empire.app": "mine", "empire.instance": "aaaa"}
OTHER = {"empire.app": "other", "empire.instance": "aaaa"}
THEIRS = "empire/other:b-1-aaaa"
IMAGES: dict[str, dict[str, Any]] = {
    "empire/python:3": {"Labels": {"empire.stack": "x"}},
    "empire/mine:b-1-aaaa": {"Labels": MINE},
    "fe": {"Labels": OTHER},
    "0123456789ab": {"Labels": OTHER},
    "twin": {"Labels": MINE | {"empire.instance": "bbbb"}},
    "trigger": {"Labels": None, "OnBuild": [f"COPY --from={THEIRS} / /x", "RUN true"]},
    "circle": {"OnBuild": ["COPY --from=circle / /x"]},
    "127.0.0.1:5000/bundle": {"Labels": OTHER},
}


def look(name: str) -> dict[str, Any] | None:
    return {"Config": IMAGES[name]} if name in IMAGES else None


def check(dockerfile: str, **arguments: str) -> None:
    Policy(AppName("mine"), "aaaa", look, frozenset(["docker/dockerfile"])).check(
        dockerfile, arguments
    )


@pytest.mark.parametrize(
    "dockerfile",
    [
        "FROM empire/python:3\nRUN true\n",
        "FROM empire/mine:b-1-aaaa",
        "FROM empire.local/aaaa/mine:d3",
        "from python:3.12-slim as build\nFROM build\nCOPY --from=build /a /b\nCOPY --from=0 /a /b",
        "ARG TAG=3\nFROM --platform=$BUILDPLATFORM empire/python:${TAG}",
        "FROM node-${TARGETARCH}:22",
        "FROM x AS fe\nFROM x AS be\nCOPY --from=fe / /\nRUN --mount=type=bind,from=be,target=/b ls",
        "# syntax=docker/dockerfile:1\nFROM x",
        "# syntax = docker.io/docker/dockerfile:1.7@sha256:00\nFROM x",
        "FROM x\nRUN <<EOF\nfrom empire.errors import EmpireError\nEOF\n# syntax=odd/one\n",
        "FROM circle",
        "FROM x\nRUN backup --from=$(date)\nCOPY --chown=1 a b\nCOPY --from=${X!y} a b",
        "FROM x\r\nRUN a \\\r\n  # why\r\n  b\r\n",
        "FROM ..",
    ],
)
def test_what_is_allowed(dockerfile: str) -> None:
    check(dockerfile)


@pytest.mark.parametrize(
    "dockerfile",
    [
        f"FROM {THEIRS}",
        f"\ufefffrom {THEIRS} as x",
        "FROM empire/other:b-2-not-there",
        f"FROM docker.io/{THEIRS}",
        "FROM empire.local/aaaa/other:d1",
        "FROM 0123456789ab",
        "FROM twin",
        "FROM trigger",
        "FROM 127.0.0.1:5000/bundle",
        f"FROM --platform=linux/amd64 {THEIRS}",
        f'FROM --platform="linux amd64" {THEIRS} AS x',
        'FROM em"pire"/other:b-1',
        "FROM em\\\npire/other:b-1",
        "FR\\\n# why\n\nOM empire/other:b-1",
        f"\u00a0FROM {THEIRS}",
        f"FROM x\nCOPY --link --from={THEIRS} / /",
        f'FROM x\nCOPY --from="{THEIRS}" / /',
        f"FROM x\nADD --from={THEIRS} / /",
        f"FROM x\nONBUILD COPY --from={THEIRS} / /",
        f"FROM x\nRUN --mount=type=bind,from={THEIRS},target=/x ls",
        f"FROM x\nRUN --mount=FROM={THEIRS},target=/x ls",
        f'FROM x\nRUN --mount=type=bind,"source=a b","from={THEIRS}",target=/x ls',
        f"FROM x\nRUN true <<A\nb \\\nA\nFROM {THEIRS}",
        "FROM x\nRUN true \\\nFROM y AS fe\nFROM fe",
        "FROM fe\nFROM x AS fe",
        f"ARG B={THEIRS}\nFROM $B",
        "ARG W=other\nARG B=empire/${W}:b-1\nFROM ${B}",
        "ARG W\nFROM empire/${W:-other}:b-1",
        "FROM empire/${W:+other}:b-1",
        "ARG W=other\nARG W=safe\nFROM empire/$W:b-1",
        "FROM empire/other-${TARGETARCH}:b-1",
    ],
)
def test_images_of_other_apps_are_refused(dockerfile: str) -> None:
    with pytest.raises(BuildFailed, match="which is another app's image"):
        check(dockerfile)


def test_a_build_argument_counts() -> None:
    text = "ARG BASE=empire/python:3\nFROM $BASE"
    check(text, BASE="empire/python:3")
    with pytest.raises(BuildFailed, match="another app's image"):
        check(text, BASE=THEIRS)


@pytest.mark.parametrize(
    ("dockerfile", "text"),
    [
        ("FROM a${B#x}", "cannot be told which image"),
        ("ARG A=$B\nARG B=$A\nFROM $A", "cannot be told which image"),
        ("FROM ${A:-b", "cannot be told which image"),
        ("FROM $", "cannot be told which image"),
        ("".join(f"ARG A=x{n}\n" for n in range(70)) + "FROM $A", "cannot be"),
        ("FROM " + "${A:-x}" * 12, "cannot be told which image"),
        ("# escape=`\nFROM x", "escape character"),
        ("// syntax=odd/one\nFROM x", "syntax image .odd/one. is not allowed"),
        ("# syntax=docker/dockerfile.evil\nFROM x", "is not allowed"),
        ("# syntax=empire/other:b-1\nFROM x", "is not allowed"),
        ('{"syntax": "odd/one"}', "JSON"),
        ("FROM\vempire/other:b-1", "characters"),
        ("FROM x\rFROM y", "characters"),
        ("RUN a \\\n" * 1200, "too many lines"),
        ("#\n" * 10001, "too many lines"),
    ],
)  # fmt: skip
def test_what_is_unclear_is_refused(dockerfile: str, text: str) -> None:
    with pytest.raises(BuildFailed, match=text):
        check(dockerfile)


def test_the_servers_own_place_in_a_registry() -> None:
    place = "registry.example.com/team"
    policy = Policy(AppName("mine"), "aaaa", look, frozenset(), place)
    policy.check(f"FROM {place}/mine:aaaa-d1\nFROM registry.example.com/tea/x\nFROM x", {})
    for name in ("other", "other:aaaa-d1", "other@sha256:00"):
        with pytest.raises(BuildFailed, match="another app's image"):
            policy.check(f"FROM {place}/{name}", {})


def test_another_frontend_by_build_argument() -> None:
    with pytest.raises(BuildFailed, match="not allowed"):
        check("ARG BUILDKIT_SYNTAX\nFROM x", BUILDKIT_SYNTAX="odd/one")


def test_variables() -> None:
    values = {"A": ["", "a"], "B": ["$A-b"]}

    def all_of(text: str) -> list[str]:
        return list(expanded(text, lambda name: values.get(name, [""])))

    assert all_of("x$A") == ["x", "xa"]
    assert all_of("${B}c") == ["-bc", "a-bc"]
    assert all_of("${A:-${B}}") == ["", "a", "-b", "a-b"]
    assert all_of("${A+z}") == ["", "z"]
    with pytest.raises(UndecidedError):
        all_of("${A%%x}")


@pytest.fixture
def victim(make_builder: MakeBuilder, tmp_path: Path) -> str:
    """The image of another app on the same engine."""
    repository = Repository(tmp_path / "victim", "bp-victim")
    source = repository.commit({"Dockerfile": f"{BASE}RUN echo very-private > /code\n"})
    image = told(make_builder().build(source, "1", never)).image.ref
    names = subprocess.run(
        ["docker", "inspect", "-f", "{{json .RepoTags}}", image],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return str(json.loads(names.stdout)[0])


@pytest.mark.docker
@pytest.mark.parametrize("builder", ["auto", "classic"])
@pytest.mark.parametrize(
    "form", ["FROM {}", "FROM {id}", "FROM empire/python:3\nCOPY --from={} / /x"]
)
def test_the_engine_is_not_even_asked(
    form: str, builder: str, victim: str, make_builder: MakeBuilder, repository: Repository
) -> None:
    found = subprocess.run(
        ["docker", "inspect", "-f", "{{.Id}}", victim], capture_output=True, text=True, check=True
    )
    text = form.format(victim, id=found.stdout.strip().removeprefix("sha256:")[:12])
    source = repository.commit({"Dockerfile": f"{text}\nRUN cat /code /x/code\n"})
    with pytest.raises(BuildFailed, match="another app's image"):
        told(make_builder(builder=builder).build(source, "1", never))
