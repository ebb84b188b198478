"""The scripts that judge the code, judged. scripts/up and scripts/demo are played in full by hand and CI."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from scripts import size_budget
from tests import coverage_gates

ROOT = Path(__file__).parent.parent
SHELL = [
    path
    for path in [*(ROOT / "scripts").iterdir(), ROOT / ".ci" / "run"]
    if path.is_file() and path.suffix != ".py"
]


@pytest.mark.parametrize("path", SHELL, ids=lambda path: path.name)
def test_a_script_is_a_program_that_the_shell_understands(path: Path) -> None:
    shell = "bash" if "bash" in path.read_text().splitlines()[0] else "sh"
    assert path.stat().st_mode & 0o111
    subprocess.run([shell, "-n", str(path)], check=True, timeout=60)


def test_setup_names_its_usage() -> None:
    done = subprocess.run([ROOT / "scripts" / "setup"], capture_output=True, text=True, timeout=60)
    assert done.returncode != 0
    assert "usage: scripts/setup server|dev" in done.stderr


def test_a_long_file_and_a_long_function_are_over_the_budget(tmp_path: Path) -> None:
    path = tmp_path / "long.py"
    path.write_text("def f():\n" + "    x = 1\n" * 360)
    assert [text.partition(": ")[2] for text in size_budget.too_long(path)] == [
        "361 lines, at most 350",
        "f has 361 lines, at most 50",
    ]


def test_a_docstring_costs_nothing() -> None:
    tree = ast.parse('def f():\n    """One.\n\n    Two.\n    """\n    return 1\n')
    assert isinstance(tree.body[0], ast.FunctionDef)
    assert size_budget.body_lines(tree.body[0]) == 2


def test_a_package_below_its_gate_fails_the_run(tmp_path: Path) -> None:
    package = tmp_path / "gitserver"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "half.py").write_text("def f(x):\n    if x:\n        return 1\n    return 2\n")
    (tmp_path / "test_half.py").write_text(
        "from gitserver.half import f\n\n\ndef test_f():\n    assert f(1) == 1\n"
    )
    (tmp_path / "gates.py").write_text(
        "from pathlib import Path\nfrom coverage_gates import *\nimport coverage_gates\n"
        "coverage_gates.ROOT = Path(__file__).parent\n"
    )
    (tmp_path / "coverage_gates.py").write_text(Path(coverage_gates.__file__).read_text())
    (tmp_path / "pyproject.toml").write_text(
        "[tool.coverage.run]\nbranch = true\nsource = ['gitserver']\nrelative_files = true\n"
    )
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "gates",
            "--cov",
            "--cov-report=",
            "-p",
            "no:cacheprovider",
            ".",
        ],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "gitserver     66.7 % FAILED, at least 95" in done.stdout
    assert "gitserver/half.py 4 2->4" in done.stdout
    assert "1 passed" in done.stdout.splitlines()[-1]
