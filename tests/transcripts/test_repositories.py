"""Pushes whose builds need other repositories, to a real server: submodules, classic buildpacks."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.buildpacks.classic import GREETER, TOOL
from tests.buildpacks.git_host import GitHost, serving
from tests.buildpacks.sources import Repository
from tests.product import Product, product

pytestmark = [pytest.mark.docker, pytest.mark.slow]

SERVER = """import http.server, os, subprocess
class Asked(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        said = subprocess.run(["tool", os.environ["COLOUR"]], capture_output=True).stdout
        self.send_response(200)
        self.end_headers()
        self.wfile.write(said + open("lib/text").read().encode())
http.server.HTTPServer(("", int(os.environ["PORT"])), Asked).serve_forever()
"""


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitHost]:
    with serving(tmp_path_factory.mktemp("host")) as served:
        yield served


@pytest.fixture(scope="module")
def living(tmp_path_factory: pytest.TempPathFactory, host: GitHost) -> Iterator[Product]:
    folder = tmp_path_factory.mktemp("product")
    with product(folder, BUILD_GIT_HOSTS=host.url) as running:
        yield running


def with_submodule(living: Product, app: str, host: GitHost, commit: str, **files: str) -> Path:
    """Return a repository with these files and a submodule at `lib`."""
    modules = f'[submodule "lib"]\n\tpath = lib\n\turl = {host.url}/lib\n'
    repository = living.repository(app, {".gitmodules": modules, **files})
    (repository / "lib").mkdir()  # as git leaves it where a submodule is not checked out
    link = ("update-index", "--add", "--cacheinfo", f"160000,{commit},lib")
    living.run("git", *link, cwd=repository)
    living.run("git", "commit", "-qm", "With lib", cwd=repository)
    return repository


def test_a_push_with_buildpacks_and_a_submodule(living: Product, host: GitHost) -> None:
    lib = Repository(host.root / "lib").commit({"text": "from the submodule"})
    for name, files in {"tool": TOOL, "greeter": GREETER}.items():
        Repository(host.root / name).commit(files)
    repository = with_submodule(
        living, "classic", host, lib.commit,
        **{
            ".buildpacks": f"{host.url}/tool\n{host.url}/greeter\n",
            "greeting": "hello",
            "serve.py": SERVER,
            "Procfile": "web: python3 serve.py\nrelease: tool releases\n",
        },
    )  # fmt: skip
    said = living.push(repository).stderr
    assert "'lib' is a submodule: a push has no files of it, the build fetches them" in said
    assert f"Submodule lib: {host.url}/lib at {lib.commit[:12]}" in said
    assert "remote: -----> Installing the tool" in said
    assert "tool says releases" in said
    assert living.ask("classic") == (200, "tool says pale blue\nfrom the submodule")
    ran = living.empire("run", "-a", "classic", "tool inside; echo $COLOUR").stdout
    assert "tool says inside\npale blue" in ran.replace("\r", "")
    living.empire("config:set", "-a", "classic", "COLOUR=red")
    assert living.ask("classic") == (200, "tool says red\nfrom the submodule")
    living.commit(repository, {}, "Nothing changed but COLOUR, which buildpacks may read")
    assert "compiled 2 times" in living.push(repository).stderr
    living.commit(repository, {}, "Nothing changed at all")
    again = living.push(repository).stderr
    assert "Nothing changed since" in again
    assert living.ask("classic") == (200, "tool says red\nfrom the submodule")


def test_a_push_whose_submodule_cannot_be_had(living: Product, host: GitHost) -> None:
    repository = with_submodule(living, "without", host, "1" * 40, **{"index.html": "hello"})
    done = living.push(repository, check=False)
    assert done.returncode != 0
    assert (
        f"The submodule 'lib' ({host.url}/lib at {'1' * 12}) could not be fetched." in done.stderr
    )
    assert "name the folder in .slugignore" in done.stderr
