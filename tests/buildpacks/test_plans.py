"""Sample apps and the plans they get, as text files.

`touch tests/fixtures/plans/NAME.txt` takes one in, `UPDATE_PLANS=1 pytest` writes them all anew.
"""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from buildpacks.detect import Detected, detect
from buildpacks.dockerfile import Workshop, render
from buildpacks.heroku_buildpack import Brought, Classic, address_of
from buildpacks.plan import Life, Plan
from buildpacks.stack_facts import Stack
from buildpacks.tree import Entry, Tree
from empire.errors import EmpireError
from tests.buildpacks.sources import Repository

FIXTURES = Path(__file__).parents[1] / "fixtures"
APPS = sorted(path.stem for path in (FIXTURES / "plans").iterdir())
STACK = Stack.usual()
HOSTS = "github.com, git.example.com"


@pytest.mark.parametrize("name", APPS)
def test_an_app_gets_its_plan(name: str, tmp_path: Path) -> None:
    shutil.copytree(FIXTURES / "apps" / name, tmp_path / "app")
    source = Repository(tmp_path / "app").commit({})
    with Tree(source) as tree:
        try:
            shown = _shown(_with_classic(detect(tree)).plan(tree, STACK))
        except EmpireError as refusal:
            shown = f"refused:\n{refusal}\n"
    snapshot = FIXTURES / "plans" / f"{name}.txt"
    if os.environ.get("UPDATE_PLANS"):
        snapshot.write_text(shown)
    assert shown == snapshot.read_text()


def _with_classic(detected: Detected) -> Detected:
    """Return the same with classic buildpacks as if they had been fetched."""
    classic = detected.buildpack
    if not isinstance(classic, Classic):
        return detected
    files = (Entry("bin/detect", 0o100755, "0" * 40, 1),)
    brought = tuple(
        Brought(address_of(one, HOSTS), str(number) * 40, files)
        for number, one in enumerate(classic.asked, start=1)
    )
    return replace(detected, buildpack=replace(classic, brought=brought))


def _shown(plan: Plan) -> str:
    lines = [f"buildpack: {plan.buildpack}", *(f"note: {note}" for note in plan.notes)]
    lines += [f"warning: {warning}" for warning in plan.warnings]
    lines += [f"process {name}: {json.dumps(command)}" for name, command in plan.processes.items()]
    lines += [
        f"stands on {base.image}: {base.suite or 'any Debian'}, {' '.join(base.packages) or '-'}"
        for base in (plan.base, plan.workbench)
        if base
    ]
    lines += _of_dockerfile(plan) if plan.dockerfile else []
    lines += [f"left out: {line}" for line in plan.ignored.splitlines()]
    lines += [f"life: {plan.life}"] if plan.life != Life() else []
    if not plan.dockerfile:
        base = plan.base.image if plan.base else "empire/python:3"
        bench = plan.workbench.image if plan.workbench else ""
        lines += ["", render(plan, Workshop(base, bench=bench)).rstrip()]
    return "\n".join(lines) + "\n"


def _of_dockerfile(plan: Plan) -> list[str]:
    told = {"dockerfile": plan.dockerfile, "target": plan.target, "context": plan.context}
    lines = [f"{name}: {text}" for name, text in told.items() if text]
    return lines + [f"argument {name}: {json.dumps(text)}" for name, text in plan.arguments.items()]
