"""Classic buildpacks from real repositories, run on the machine's engine."""

import re
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from buildpacks.builder import Builder
from empire.errors import BuildFailed, InvalidInput
from empire.secrets import Secret
from tests.buildpacks.classic import FAILING, GREETER, TOOL
from tests.buildpacks.conftest import MakeBuilder
from tests.buildpacks.git_host import GitHost, serving
from tests.buildpacks.sources import File, Repository, Story, never, told
from tests.buildpacks.test_builder import run

pytestmark = [pytest.mark.docker, pytest.mark.timeout(600)]
TOKEN = f"token-{uuid.uuid4()}"


class Host:
    """Repositories of buildpacks, and a builder that may fetch them."""

    def __init__(self, folder: Path, served: GitHost, builder: Builder) -> None:
        self.folder, self.served, self.builder = folder, served, builder

    def offers(self, name: str, files: dict[str, File]) -> str:
        """Commit a buildpack; return its address."""
        self.repository(name).commit(files)
        return f"{self.served.url}/{name}"

    def repository(self, name: str) -> Repository:
        return Repository(self.folder / name)


@pytest.fixture
def host(tmp_path: Path, make_builder: MakeBuilder) -> Iterator[Host]:
    folder = tmp_path / "host"
    folder.mkdir()
    with serving(folder) as served:
        yield Host(folder, served, make_builder(build_git_hosts=served.url))


def built(host: Host, repository: Repository, files: dict[str, File], **config: str) -> Story:
    secrets = {name: Secret(value) for name, value in config.items()}
    source = repository.commit(files)
    return told(host.builder.build(source, str(uuid.uuid4()), never, secrets))


def test_several_run_in_order_and_leave_profile_and_processes(
    host: Host, repository: Repository
) -> None:
    tool, greeter = host.offers("tool", TOOL), host.offers("greeter", GREETER)
    files: dict[str, File] = {
        ".buildpacks": f"# both\r\n{tool}\r\n\r\n{greeter}#main\n",
        "greeting": "hello",
        "Procfile": "release: tool migrates\nworker: tool of the Procfile\n",
        ".profile": "export SHADE=light\n",
        "own": str(uuid.uuid4()),
    }
    story = built(host, repository, files, TOKEN=TOKEN, SHADE="unused")
    commit = host.repository("tool").source().commit
    assert f"Buildpack 1: {tool} at {commit[:12]}" in story.text
    assert "-----> Building with the Heroku buildpack on empire/heroku-build:24" in story.text
    assert "-----> Tool app detected\n-----> Installing the tool\n" in story.text
    assert "       on heroku-24 in /tmp/build, home /app\n" in story.text
    assert f"version {repository.source().commit}" in story.text
    assert "-----> Greeter app detected" in story.text
    assert story.image.processes == {
        "web": "cat made; tool $COLOUR $SHADE",
        "worker": "tool of the Procfile",
    }
    assert story.image.release_command == "tool migrates"
    web = run(
        story.image.ref, "/bin/sh", "-c", story.image.processes[next(iter(story.image.processes))]
    )
    assert web == "tool says hello\ntool says pale blue light\n"
    script = 'cat vars length; id -u; pwd; echo "$TOOL"; tool nested'
    seen = run(story.image.ref, "/bin/sh", "-c", script)
    assert seen == f"SHADE\nTOKEN\n{len(TOKEN)}\n1000\n/app\nready\ntool says nested\n"


def test_an_unchanged_app_builds_nothing_and_the_cache_is_kept(
    host: Host, repository: Repository
) -> None:
    url = host.offers("tool", TOOL)
    files: dict[str, File] = {"Procfile": "web: tool\n", "own": str(uuid.uuid4())}
    first = built(host, repository, files, BUILDPACK_URL=url, TOKEN=TOKEN)
    assert "compiled 1 times" in first.text
    assert "BUILDPACK_URL asks for classic buildpacks" in first.text
    again = built(host, repository, {}, BUILDPACK_URL=url, TOKEN=TOKEN)
    cached = re.search(r"(\d+) of (\d+) steps cached", again.text)
    assert cached
    assert cached[1] == cached[2]
    changed = built(host, repository, {"own": str(uuid.uuid4())}, BUILDPACK_URL=url, TOKEN=TOKEN)
    assert "compiled 2 times" in changed.text
    config = built(host, repository, {}, BUILDPACK_URL=url, TOKEN="other")
    assert "compiled 3 times" in config.text


def test_config_vars_stay_in_no_layer(host: Host, repository: Repository, tmp_path: Path) -> None:
    url = host.offers("tool", TOOL)
    files: dict[str, File] = {"Procfile": "web: tool\n", "own": str(uuid.uuid4())}
    story = built(host, repository, files, BUILDPACK_URL=url, TOKEN=TOKEN)
    history = ["docker", "history", "--no-trunc", story.image.ref]
    assert TOKEN not in subprocess.run(history, capture_output=True, text=True, check=True).stdout
    saved = tmp_path / "image.tar"
    subprocess.run(["docker", "save", "-o", saved, story.image.ref], check=True)
    assert TOKEN.encode() not in saved.read_bytes()
    assert TOKEN not in story.text


def test_a_tag_a_commit_and_a_private_repository(host: Host, repository: Repository) -> None:
    url = host.offers("private-tool", TOOL).replace("//", "//ann:s3cret@")
    pinned = host.repository("private-tool").source().commit
    host.repository("private-tool").git(
        "-C", str(host.folder / "private-tool"), "tag", "-am", "x", "v1"
    )
    host.offers("private-tool", {"bin/compile": FAILING["bin/compile"]})
    files: dict[str, File] = {"Procfile": "web: tool\n"}
    for ref in ("v1", pinned):
        story = built(host, repository, files, BUILDPACK_URL=f"{url}#{ref}", TOKEN=TOKEN)
        assert f"at {pinned[:12]}" in story.text
        assert "s3cret" not in story.text


def test_one_that_says_no_is_named(host: Host, repository: Repository) -> None:
    tool, greeter = host.offers("tool", TOOL), host.offers("greeter", GREETER)
    with pytest.raises(BuildFailed) as refused:
        built(host, repository, {".buildpacks": f"{tool}\n{greeter}\n"}, TOKEN=TOKEN)
    assert f"Buildpack 2 said no to this app: {greeter} at " in refused.value.what
    assert "no greeting here" in refused.value.why
    assert "Those before it (1) said yes." in refused.value.why


def test_one_that_fails_is_named(host: Host, repository: Repository) -> None:
    url = host.offers("failing", FAILING)
    with pytest.raises(BuildFailed) as failed:
        built(host, repository, {"Procfile": "web: x\n"}, BUILDPACK_URL=url)
    assert f"Buildpack 1 failed: bin/compile of {url} at " in failed.value.what
    assert failed.value.what.endswith("ended with exit code 7.")
    assert "the reason" in failed.value.why


def test_nothing_to_start(host: Host, repository: Repository) -> None:
    url = host.offers("tool", TOOL)
    with pytest.raises(BuildFailed, match="Nothing says how to start"):
        built(host, repository, {"a": "", "own": str(uuid.uuid4())}, BUILDPACK_URL=url, TOKEN=TOKEN)


def test_what_is_no_buildpack(host: Host, repository: Repository) -> None:
    url = host.offers("other", {"bin/detect": "", "README": ""})
    with pytest.raises(BuildFailed, match="has no bin/compile"):
        built(host, repository, {"a": ""}, BUILDPACK_URL=url)
    with pytest.raises(BuildFailed, match="gone could not be fetched"):
        built(host, repository, {"a": ""}, BUILDPACK_URL=f"{host.served.url}/gone")
    with pytest.raises(BuildFailed, match="could not be fetched"):
        built(host, repository, {"a": ""}, BUILDPACK_URL=f"{url}#no-such-branch")


def test_the_classic_builder_refuses(
    host: Host, make_builder: MakeBuilder, repository: Repository
) -> None:
    host.builder = make_builder(builder="classic", build_git_hosts=host.served.url)
    url = host.offers("tool", TOOL)
    with pytest.raises(BuildFailed, match="need BuildKit"):
        built(host, repository, {"a": ""}, BUILDPACK_URL=url)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("file:///srv/bp", "over https alone"),
        ("git@example.com:ann/bp", "over https alone"),
        ("https://ann:s3cret@localhost/bp", "The operator allows other hosts"),
        ("https://example.com/bp.tgz", "It is an archive"),
        ("https://example.com/bp#--upload-pack=x", "no name of a branch"),
    ],
)
def test_addresses_that_are_not_asked(
    url: str, why: str, host: Host, repository: Repository
) -> None:
    with pytest.raises(InvalidInput) as refused:
        built(host, repository, {".buildpacks": f"\n{url}\n"})
    assert ".buildpacks, line 2" in refused.value.what
    assert why in refused.value.why
    assert "s3cret" not in str(refused.value)
