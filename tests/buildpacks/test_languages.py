"""Sample apps of each language, built for real, run, and asked over HTTP.

Their languages' images are made here when the engine lacks them, and stay, as on any server.
"""

import http.client
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from buildpacks.builder import Builder
from empire.names import ProcessType
from tests.buildpacks.sources import Repository, never, told

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(600)]

APPS = Path(__file__).parents[1] / "fixtures" / "apps"
ANSWERS = {
    "django-gunicorn": "Django shop",
    "fastapi-uvicorn": "FastAPI",
    "flask-gunicorn": "Flask behind Gunicorn",
    "flask-requirements": "Flask alone",
    "lone-app": "one file",
    "pipenv": "itsdangerous None",
    "pipenv-unlocked": "Pipenv without a lock",
    "poetry": "itsdangerous None",
    "procfile-crlf": "lines with CR",
    "procfile-only": "serve.sh",
    "pyproject-only": "Starlette",
    "pyproject-package": "package x",
    "python-newest": "Python 3.14",
    "python-runtime-txt": "Python 3.13",
    "requirements-includes": "redis True",
    "requirements-local": "a library beside the app",
    "setup-py": "from setup.py",
    "ruby-plain": "Ruby 3.3: hello from a vendored gem",
    "go-plain": "go1. in bin/hello",
    "java-gradle": "Java 21",
    "php-plain": "PHP 8 any/where pgsql",
    "node-any": "any Node.js",
    "node-bun": "Bun 3600000",
    "node-express": "Express on Node.js 24",
    "node-next": "Next.js",
    "node-nuxt": "Nuxt",
    "node-nvmrc": "v22.",
    "node-plain": "plain",
    "node-pnpm": "pnpm 3600000 gone 40",
    "node-vite": "<title>Vite</title>",
    "node-workspaces": "web",
    "node-yarn": "3600000 gone",
    "node-yarn-berry": "3600000 gone",
    "static": "<h1>hi</h1>",
    "static-json": "<h1>one page</h1>",
    "static-public": "<h1>hi</h1>",
}
UP_SECONDS = 60
OFFERED = "Not set, though the app's files have a value for them: GREETING"


@pytest.mark.parametrize("name", ANSWERS)
def test_an_app_is_built_and_answers(name: str, builder: Builder, tmp_path: Path) -> None:
    shutil.copytree(APPS / name, tmp_path / "app", symlinks=True)
    source = Repository(tmp_path / "app").commit({})
    story = told(builder.build(source, "1", never))
    path = "/any/where" if name == "php-plain" else "/"
    assert ANSWERS[name] in answer(story.image.ref, path)


def test_heroku_yml_names_dockerfile_folder_arguments_and_commands(
    builder: Builder, tmp_path: Path
) -> None:
    shutil.copytree(APPS / "heroku-yml", tmp_path / "app")
    story = told(builder.build(Repository(tmp_path / "app").commit({}), "1", never))
    image = story.image
    assert image.processes[ProcessType("worker")] == "python3 -m http.server"
    assert image.release_command == "echo migrated"
    assert "-----> Building with Dockerfile" in story.text
    assert OFFERED in story.text
    assert answer(image.ref, command=image.processes[ProcessType("web")]) == "built sweet & sour\n"


def answer(image: str, path: str = "/", command: str = "") -> str:
    """Return what a web process says, run as a dyno is: as its user, with a PORT."""
    words = ("sh", "-c", command) if command else ()
    container = docker(
        "run", "--detach", "--label", "empire.test=1", "--env", "PORT=5000",
        "--publish", "127.0.0.1::5000", image, *words,
    )  # fmt: skip
    try:
        address = docker("port", container, "5000/tcp")
        return asked(container, int(address.rpartition(":")[2]), path)
    finally:
        docker("rm", "--force", container)


def asked(container: str, port: int, path: str) -> str:
    deadline = time.monotonic() + UP_SECONDS
    while time.monotonic() < deadline:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        try:
            connection.request("GET", path)
            return connection.getresponse().read().decode()
        except (OSError, http.client.HTTPException):
            assert docker("inspect", "--format", "{{.State.Running}}", container) == "true", docker(
                "logs", container
            )
        finally:
            connection.close()
    raise AssertionError(f"no answer: {docker('logs', container)}")


def docker(*words: str) -> str:
    done = subprocess.run(
        ["docker", *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True
    )
    return done.stdout.strip()
