"""Config vars: any text arrives exactly, and shows nowhere else."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import docker
import psutil
import pytest

from tests.product import Product
from tests.samples import with_dockerfile

pytestmark = pytest.mark.docker

VALUES = {
    "EMPTY": "",
    "QUOTES": """it's "so" `quoted`""",
    "SHELL": "$HOME ${HOME} $(id) \\ \\\\ ; & | # ! * ~",
    "LINES": "one\ntwo\r\nthree\n\n",
    "SPACES": "  around \t ",
    "UNICODE": "Grüße, 世界 \U0001f680 \u202e \x7f\x01",
    "LIKE_JSON": '{"a": [1, null]}\\u0000',
    "LONG": "x" * 31000,
}
SECRET = "hunter2-unmistakable-value"


@pytest.fixture(scope="module")
def app(empire: Product) -> str:
    empire.push(empire.repository("secretive", with_dockerfile("one")))
    return "secretive"


def test_any_text_arrives_exactly(empire: Product, app: str) -> None:
    given = [f"{name}={value}" for name, value in VALUES.items()]
    empire.empire("config:set", *given, "-a", app)

    for name, value in VALUES.items():
        assert empire.ask(app, f"/env/{name}") == (200, value)
    assert json.loads(empire.empire("config", "-a", app, "--json").stdout) == VALUES
    again = empire.folder / "again.env"
    again.write_bytes(empire.empire("config", "-a", app, "--env").stdout.encode())
    assert "Nothing changes" in empire.empire("config:import", str(again), "-a", app).stderr
    empire.empire("config:unset", *VALUES, "-a", app)


def test_a_value_shows_nowhere(empire: Product, app: str) -> None:
    with _arguments_of_children(empire) as seen:
        _import(empire, app, f"PASSWORD={SECRET}\n")
        _import(empire, app, f"PASSWORD={SECRET}-2\nPORT={SECRET}-3\n", check=False)
        empire.empire("config:set", "-a", app, "PYTHONHOME=/nowhere/at/all", check=False)
        empire.empire("rollback", "-a", app)

    assert empire.ask(app, "/env/PASSWORD")[0] == 200
    assert seen
    assert not [line for line in seen if SECRET in line]
    said = [empire.log, *empire.home.glob("logs/**/*"), *empire.home.glob("repos/**/*")]
    said += [*empire.home.glob("empire.db*"), *empire.home.glob("router/*")]
    for file in said:
        assert not file.is_file() or SECRET.encode() not in file.read_bytes(), file
    for image in empire.images(app):
        assert SECRET not in _history(image)


def _import(running: Product, app: str, text: str, *, check: bool = True) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "cli.main", "config:import", "-", "-a", app], input=text.encode(),
        env=running.environment, cwd=running.folder, capture_output=True, check=False, timeout=60,
    )  # fmt: skip
    assert SECRET.encode() not in done.stdout + done.stderr
    assert not check or done.returncode == 0, done.stderr


def _history(image: str) -> str:
    engine = docker.APIClient(version="auto")
    try:
        return f"{engine.history(image)} {engine.inspect_image(image)}"  # type: ignore[no-untyped-call]
    finally:
        engine.close()


@contextmanager
def _arguments_of_children(running: Product) -> Iterator[set[str]]:
    """Yield the command lines of all processes that the server has, as they come."""
    assert running.process
    server, seen, over = psutil.Process(running.process.pid), set[str](), threading.Event()

    def look() -> None:
        while not over.wait(0.01):
            for process in (server, *server.children(recursive=True)):
                try:
                    seen.add(" ".join(process.cmdline()))
                except psutil.Error:
                    continue

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()
