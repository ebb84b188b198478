"""Submodules are fetched from real repositories over HTTP, or refused with the reason."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from buildpacks import git_fetch, submodules
from buildpacks.builder import Builder
from buildpacks.git_fetch import Fetches
from buildpacks.roots import Roots
from buildpacks.tree import Tree
from empire.errors import BuildFailed, Cancelled
from empire.manifest import Source
from empire.settings import Settings
from tests.buildpacks.conftest import MakeBuilder
from tests.buildpacks.git_host import GitHost, serving
from tests.buildpacks.sources import BASE, Link, Program, Repository, never, told
from tests.buildpacks.test_builder import run

Files = dict[str, str]


@pytest.fixture
def host(tmp_path: Path) -> Iterator[GitHost]:
    (tmp_path / "host").mkdir()
    with serving(tmp_path / "host") as found:
        yield found


@pytest.fixture
def lib(tmp_path: Path, host: GitHost) -> Repository:
    del host
    return Repository(tmp_path / "host" / "lib")


def settings_for(host: GitHost, tmp_path: Path, **changes: object) -> Settings:
    about = {"home": tmp_path / "home", "build_git_hosts": f"*, {host.url}", **changes}
    return Settings.model_validate(about)


def add(repository: Repository, path: str, url: str, commit: str) -> Source:
    """Commit a submodule."""
    folder = ("-C", str(repository.folder))
    repository.git(*folder, "config", "-f", ".gitmodules", f"submodule.{path}.path", path)
    repository.git(*folder, "config", "-f", ".gitmodules", f"submodule.{path}.url", url)
    repository.git(*folder, "add", ".gitmodules")
    repository.git(*folder, "update-index", "--add", "--cacheinfo", f"160000,{commit},{path}")
    repository.git(*folder, "commit", "-qm", f"Add {path}")
    return repository.source()


def files_of(
    source: Source,
    settings: Settings,
    roots: Roots | None = None,
    check: Callable[[], None] = lambda: None,
) -> Files:
    """Return what a build sees, without building."""
    fetches = Fetches(settings, source.app, check)
    with ExitStack() as opened:
        stream = submodules.merged(source, roots or Roots(), settings, fetches, opened)
        try:
            while True:
                next(stream)
        except StopIteration as end:
            whole: Source = end.value
        with Tree(whole) as tree:
            return {
                e.path: "" if e.is_submodule else tree.text(e.path) for e in tree.entries.values()
            }


@pytest.mark.docker
def test_a_build_gets_the_files_of_the_pinned_commit(
    make_builder: MakeBuilder, repository: Repository, lib: Repository, host: GitHost
) -> None:
    pinned = lib.commit(
        {"ü.txt": "pinned ", "run": Program("#!/bin/sh\necho ran\n"), "l": Link("run")}
    )
    lib.commit({"ü.txt": "newer"})
    repository.commit(
        {"Dockerfile": f"{BASE}COPY . /srv\nWORKDIR /srv\n", "own": str(uuid.uuid4())}
    )
    source = add(repository, "sub/lib", f"{host.url}/lib", pinned.commit)
    builder: Builder = make_builder(build_git_hosts=host.url)
    story = told(builder.build(source, "1", never))
    assert f"Submodule sub/lib: {host.url}/lib at {pinned.commit[:12]}" in story.text
    assert run(story.image.ref, "sh", "-c", "cat sub/lib/*.txt; sub/lib/l") == "pinned ran\n"
    host.requests.clear()
    again = told(builder.build(source, "2", never))
    assert again.image.ref == story.image.ref or "steps cached" in again.text
    assert not host.requests  # what was fetched once is kept
    builder.remove(source.app)
    told(builder.build(source, "3", never))
    assert host.requests


def test_nested_submodules(
    repository: Repository, lib: Repository, host: GitHost, tmp_path: Path
) -> None:
    inner = Repository(tmp_path / "host" / "inner").commit({"deep": "in the inner"})
    lib.commit({"a": "in the lib"})
    outer = add(lib, "inner", f"{host.url}/inner", inner.commit)
    source = add(repository, "lib", f"{host.url}/lib", outer.commit)
    seen = files_of(source, settings_for(host, tmp_path))
    assert (seen["lib/a"], seen["lib/inner/deep"]) == ("in the lib", "in the inner")


def test_only_what_the_build_sees_is_fetched(
    repository: Repository, host: GitHost, tmp_path: Path
) -> None:
    repository.commit({"app/.slugignore": "unused\n", "app/index.html": ""})
    add(repository, "elsewhere", f"{host.url}/gone", "1" * 40)
    source = add(repository, "app/unused", f"{host.url}/gone", "2" * 40)
    assert "app/unused" in files_of(source, settings_for(host, tmp_path), Roots("app", "app"))
    with pytest.raises(BuildFailed, match="'app/unused'"):
        files_of(source, settings_for(host, tmp_path))


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("../lib", "relative to where the repository came from"),
        ("file:///etc", "over https alone"),
        ("/srv/lib", "over https alone"),
        ("ssh://git@example.com/lib", "over https alone"),
        ("git@example.com:lib", "over https alone"),
        ("ext::sh -c touch% /tmp/x", "over https alone"),
        ("-uploadpack", "It is no URL"),
        ("http://example.com/lib", "Plain http is not allowed"),
        ("https://localhost/lib", "is this machine"),
        ("https://169.254.169.254/lib", "is this machine or its neighbour"),
        ("https:///lib", "It names no host"),
        ("https://[::1/lib", "It is no URL"),
        ("", "does not name its repository"),
    ],
)
def test_addresses_that_are_not_asked(
    url: str, why: str, repository: Repository, host: GitHost, tmp_path: Path
) -> None:
    source = add(repository, "lib", url, "1" * 40)
    with pytest.raises(BuildFailed) as refused:
        files_of(source, settings_for(host, tmp_path))
    assert "The submodule 'lib'" in refused.value.what
    assert "1" * 12 in refused.value.what
    assert why in refused.value.why
    assert ".gitmodules" in refused.value.fix


def test_a_host_that_the_operator_does_not_name(
    repository: Repository, host: GitHost, tmp_path: Path
) -> None:
    source = add(repository, "lib", "https://example.com/lib", "1" * 40)
    with pytest.raises(BuildFailed, match="EMPIRE_BUILD_GIT_HOSTS"):
        files_of(source, settings_for(host, tmp_path, build_git_hosts="git.example.com"))


@pytest.mark.parametrize(("path", "why"), [("gone", "not found"), ("moved", "302")])
def test_repositories_that_are_not_there(
    path: str, why: str, repository: Repository, lib: Repository, host: GitHost, tmp_path: Path
) -> None:
    source = add(repository, "lib", f"{host.url}/{path}", lib.commit({"a": ""}).commit)
    with pytest.raises(BuildFailed, match=f"(?s)submodule 'lib'.*{why}"):
        files_of(source, settings_for(host, tmp_path))


def test_a_commit_that_is_not_there(
    repository: Repository, lib: Repository, host: GitHost, tmp_path: Path
) -> None:
    lib.commit({"a": ""})
    source = add(repository, "lib", f"{host.url}/lib", "1" * 40)
    with pytest.raises(BuildFailed, match=r"(?s)submodule 'lib'.*not our ref"):
        files_of(source, settings_for(host, tmp_path))


def test_a_submodule_without_gitmodules(
    repository: Repository, host: GitHost, tmp_path: Path
) -> None:
    add(repository, "lib", f"{host.url}/lib", "1" * 40)
    repository.git("-C", str(repository.folder), "rm", "-q", "--cached", ".gitmodules")
    repository.git("-C", str(repository.folder), "commit", "-qm", "no more")
    with pytest.raises(BuildFailed, match="does not name its repository"):
        files_of(repository.source(), settings_for(host, tmp_path))


def test_a_tree_that_git_refuses(
    repository: Repository, lib: Repository, host: GitHost, tmp_path: Path
) -> None:
    lib.commit({"a": ""})
    folder = ("-C", str(lib.folder))
    blob = lib.git(*folder, "rev-parse", "HEAD:a")
    row = b"100644 ..\0" + bytes.fromhex(blob)
    (tmp_path / "tree").write_bytes(row)
    words = ("hash-object", "-w", "-t", "tree", "--literally", str(tmp_path / "tree"))
    tree = lib.git(*folder, *words)
    commit = lib.git(*folder, "commit-tree", "-m", "hostile", tree)
    lib.git(*folder, "update-ref", "refs/heads/main", commit)
    source = add(repository, "lib", f"{host.url}/lib", commit)
    with pytest.raises(BuildFailed, match=r"(?s)submodule 'lib'.*contains '\.\.'"):
        files_of(source, settings_for(host, tmp_path))


def test_credentials_are_used_and_never_said(
    repository: Repository, host: GitHost, tmp_path: Path
) -> None:
    private = Repository(tmp_path / "host" / "private").commit({"a": "private"})
    url = f"{host.url}/private".replace("//", "//ann:s3cret@")
    source = add(repository, "lib", url, private.commit)
    assert files_of(source, settings_for(host, tmp_path))["lib/a"] == "private"
    source = add(repository, "lib", url.replace("s3cret", "wr0ng"), "1" * 40)
    with pytest.raises(BuildFailed) as refused:
        files_of(source, settings_for(host, tmp_path))
    assert "ann" not in str(refused.value)
    assert "wr0ng" not in str(refused.value)


def test_limits_of_time_and_size(
    repository: Repository, lib: Repository, host: GitHost, tmp_path: Path
) -> None:
    noise = b"".join(uuid.uuid4().bytes for _ in range(200_000))
    source = add(repository, "lib", f"{host.url}/lib", lib.commit({"noise": noise}).commit)
    with pytest.raises(BuildFailed, match="larger than 1 MiB"):
        files_of(source, settings_for(host, tmp_path, build_git_max_mib=1))
    with pytest.raises(BuildFailed, match=r"longer than 0\.001 seconds"):
        files_of(source, settings_for(host, tmp_path, build_git_seconds=0.001))
    with pytest.raises(BuildFailed, match="With its submodules this commit has 2 files of 3 MiB"):
        files_of(source, settings_for(host, tmp_path, source_max_mib=2))


def test_too_many_and_too_deep(
    repository: Repository, lib: Repository, host: GitHost, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    lib.commit({"a": ""})
    source = add(lib, "inner", f"{host.url}/lib", lib.source().commit)
    source = add(repository, "lib", f"{host.url}/lib", source.commit)
    monkeypatch.setattr(submodules, "DEEPEST", 1)
    with pytest.raises(BuildFailed, match="'lib/inner' is one too many"):
        files_of(source, settings_for(host, tmp_path))


def test_a_cancelled_fetch_ends_at_once(
    repository: Repository, lib: Repository, host: GitHost, tmp_path: Path
) -> None:
    source = add(repository, "lib", f"{host.url}/lib", lib.commit({"a": ""}).commit)

    def check() -> None:
        raise Cancelled("enough")

    with pytest.raises(Cancelled):
        files_of(source, settings_for(host, tmp_path), check=check)


def test_what_was_fetched_long_ago_goes_when_it_is_too_much(
    repository: Repository, lib: Repository, host: GitHost, tmp_path: Path
) -> None:
    noise = b"".join(uuid.uuid4().bytes for _ in range(200_000))
    source = add(repository, "lib", f"{host.url}/lib", lib.commit({"noise": noise}).commit)
    files_of(source, settings_for(host, tmp_path))
    source = add(repository, "lib", f"{host.url}/lib", lib.commit({"noise": "quiet"}).commit)
    settings = settings_for(host, tmp_path, build_git_max_mib=1)
    assert files_of(source, settings)["lib/noise"] == "quiet"
    kept = git_fetch.repository_of(settings.home, source.app)
    assert sum(path.stat().st_size for path in kept.rglob("*") if path.is_file()) < 1 << 20
