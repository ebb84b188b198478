import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cli import main
from empire.errors import EmpireError

SERVER = ("__init__", "serve", "first_start", "bootstrap", "build", "aws_backend", "local_backend")
LIGHT = [
    f"cli.{file.stem}"
    for file in sorted(Path(main.__file__).parent.glob("*.py"))
    if file.stem not in SERVER
]
HEAVY = ("sqlmodel", "fastapi", "docker", "paramiko", "dulwich", "uvicorn", "alembic", "structlog")


@pytest.mark.parametrize(
    ("words", "command"),
    [
        (["apps"], ["apps"]),
        (["apps", "create", "x"], ["apps:create", "x"]),
        (["apps:create", "x"], ["apps:create", "x"]),
        (["git", "remote"], ["git:remote"]),
        (["apps", "--json"], ["apps", "--json"]),
        (["config", "get", "A"], ["config:get", "A"]),
    ],
)
def test_both_forms_of_a_command_are_one(words: list[str], command: list[str]) -> None:
    assert main.joined(words) == command


def test_every_command_is_where_the_overview_says_and_says_the_same() -> None:
    for group in main.COMMANDS.values():
        for name, (place, summary) in group.items():
            module, _, function = place.partition(":")
            if module == "cli.serve":
                continue
            found = getattr(importlib.import_module(module), function)
            assert name in main.overview()
            assert found.__doc__.splitlines()[0] == summary


def test_the_client_needs_nothing_of_the_server() -> None:
    code = f"import sys, {', '.join(LIGHT)}; print([m for m in {HEAVY} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_the_overview_imports_no_command() -> None:
    code = (
        "import sys; from cli import main; main.main([]);"
        "print([m for m in ('typer', 'httpx', 'rich') if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stderr.strip() == "[]"


def test_serve_without_the_servers_parts_says_how_to_get_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(sys.modules, "cli.serve", raising=False)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    for name in [name for name in sys.modules if name.startswith("apiserver")]:
        monkeypatch.delitem(sys.modules, name)

    with pytest.raises(EmpireError, match="uvicorn is missing") as error:
        main.main(["serve"])
    assert "empire[server]" in error.value.fix


def test_serving_apps_on_aws_without_its_parts_says_how_to_get_them(tmp_path: Path) -> None:
    code = "import sys; sys.modules['boto3'] = None; from cli import main; main.main(['serve'])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False,
        env={"PATH": os.environ["PATH"], "EMPIRE_HOME": str(tmp_path), "EMPIRE_BACKEND": "aws"},
    )  # fmt: skip

    assert done.returncode == 1
    assert "empire[server,aws]" in done.stderr
