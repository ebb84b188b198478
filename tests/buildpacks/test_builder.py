"""Real builds on the machine's engine."""

import json
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from buildpacks import filesync, folder, session
from buildpacks.builder import Builder
from buildpacks.engine import Engine
from buildpacks.folder import Item
from buildpacks.objects import Objects
from empire.errors import BuildFailed
from empire.settings import Settings
from tests.buildpacks.conftest import MakeBuilder
from tests.buildpacks.sources import BASE, File, Link, Program, Repository, never, told

pytestmark = pytest.mark.docker

SECRET = "--- a private certificate ---\n"


def run(image: str, *command: str) -> str:
    """Return what a command prints in a fresh container of the image."""
    container = ["docker", "run", "--rm", "--label", "empire.test=1", "--network", "none"]
    done = subprocess.run([*container, image, *command], capture_output=True, text=True, check=True)
    return done.stdout


def test_requirements_are_installed_and_the_code_is_on_top(
    builder: Builder, repository: Repository
) -> None:
    source = repository.commit(
        {
            "requirements.txt": "itsdangerous==2.2.0\n",
            "app.py": "import itsdangerous\nprint('made by', itsdangerous.__name__)\n",
            "Procfile": "web: python app.py\nworker: python w.py\nrelease: python app.py migrate\n",
            "app.json": json.dumps({"healthchecks": {"web": [{"path": "/up"}]}}),
        }
    )
    story = told(builder.build(source, "1", never))
    assert story.image.processes == {"web": "python app.py", "worker": "python w.py"}
    assert story.image.release_command == "python app.py migrate"
    assert story.image.health_path == "/up"
    assert story.image.buildpack == "Python"
    assert story.image.size_bytes > 1_000_000
    assert "-----> Building with the Python buildpack on empire/python:3" in story.text
    assert "itsdangerous==2.2.0" in story.text
    assert (
        run(story.image.ref, "sh", "-c", "python app.py; id -u") == "made by itsdangerous\n1000\n"
    )


def test_a_change_of_code_keeps_the_dependencies(builder: Builder, repository: Repository) -> None:
    files = {"requirements.txt": "itsdangerous==2.2.0\n", "app.py": "print(1)\n"}
    told(builder.build(repository.commit(files), "1", never))
    story = told(builder.build(repository.commit({"app.py": "print(2)\n"}), "2", never))
    assert "itsdangerous" not in story.text
    assert "5 of 6 steps cached" in story.text
    assert run(story.image.ref, "python", "app.py") == "2\n"


def test_a_project_with_its_lock(builder: Builder, repository: Repository) -> None:
    project = '[project]\nname = "x"\nversion = "1"\nrequires-python = ">=3.13"\n'
    lock = (
        'version = 1\nrevision = 3\nrequires-python = ">=3.13"\n\n'
        '[[package]]\nname = "x"\nversion = "1"\nsource = { virtual = "." }\n'
    )
    source = repository.commit(
        {"pyproject.toml": project, "uv.lock": lock, "app.py": "import sys; print(sys.prefix)\n"}
    )
    story = told(builder.build(source, "1", never))
    assert "Dependencies: uv.lock" in story.text
    assert run(story.image.ref, "python", "app.py") == "/app/.venv\n"


def test_a_project_that_is_a_package(builder: Builder, repository: Repository) -> None:
    source = repository.commit(
        {
            "pyproject.toml": '[project]\nname = "hello"\nversion = "1"\n'
            "dependencies = []\n[project.scripts]\nhello = 'hello:main'\n"
            '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n',
            "src/hello/__init__.py": "def main():\n    print('hello from src')\n",
            "Procfile": "web: hello\n",
        }
    )
    story = told(builder.build(source, "1", never))
    assert run(story.image.ref, "hello") == "hello from src\n"


def test_a_static_site(builder: Builder, repository: Repository) -> None:
    story = told(builder.build(repository.commit({"index.html": "<h1>hi</h1>"}), "1", never))
    assert list(story.image.processes.values()) == [
        "exec python3 /opt/empire/static_server.py . $PORT"
    ]
    assert run(story.image.ref, "cat", "index.html") == "<h1>hi</h1>"


def test_a_dockerfile_wins_and_labels_tell_whose_it_is(
    builder: Builder, repository: Repository, engine: Engine, settings: Settings
) -> None:
    source = repository.commit(
        {
            "Dockerfile": f"{BASE}LABEL empire.health=/healthy\nCOPY . /srv\nCMD cat /srv/a\n",
            "requirements.txt": "flask\n",
            "a": "from a Dockerfile\n",
        }
    )
    story = told(builder.build(source, "42", never))
    assert story.image.processes == {"web": ""}
    assert story.image.health_path == "/healthy"
    assert run(story.image.ref) == "from a Dockerfile\n"
    found = engine.image(f"empire/bp-test:b-42-{settings.instance}")
    assert found is not None
    assert found["Id"] == story.image.ref
    assert (
        found["Config"]["Labels"]
        | {
            "empire.app": "bp-test",
            "empire.commit": source.commit,
            "empire.instance": settings.instance,
            "empire.build": "42",
        }
        == found["Config"]["Labels"]
    )


def test_the_tree_arrives_as_it_was_committed(builder: Builder, repository: Repository) -> None:
    deep = "/".join(["folder-with-a-long-name"] * 8)
    source = repository.commit(
        {
            "Dockerfile": f"{BASE}COPY . /srv\nWORKDIR /srv\n",
            "übung/ナイン.txt": "utf-8",
            f"{deep}/deep": "deep",
            "run.sh": Program("#!/bin/sh\necho ran\n"),
            "link": Link("run.sh"),
            "away": Link("/etc/hostname"),
            "empty": "",
            "with space": "spaced",
            ".gitattributes": "hidden export-ignore\nsubst export-subst\n",
            "hidden": "not hidden",
            "subst": "$Format:%H$\n",
            "big": bytes(range(256)) * 4096,
        }
    )
    ref = told(builder.build(source, "1", never)).image.ref
    script = (
        "cat übung/ナイン.txt; cat folder*/*/*/*/*/*/*/*/deep; ./run.sh; readlink link away; "
        "stat -c '%a %U' run.sh empty folder-with-a-long-name; cat 'with space' hidden subst; "
        "sha256sum big; stat -c %Y big"
    )
    assert run(ref, "sh", "-c", script).split("\n") == [
        "utf-8deepran",
        "run.sh",
        "/etc/hostname",
        "755 root",
        "644 root",
        "755 root",
        "spacednot hidden$Format:%H$",
        "fbbab289f7f94b25736c58be46a994c441fd02552cc6022352e3d86d2fab7c83  big",
        "1767323045",
        "",
    ]


def test_dockerignore_is_honoured(builder: Builder, repository: Repository) -> None:
    source = repository.commit(
        {
            "Dockerfile": f"{BASE}COPY . /srv\n",
            ".dockerignore": "*.log\nDockerfile\ndata\n!data/keep\n",
            "a.log": "",
            "sub/b.log": "",
            "data/keep": "",
            "data/other": "",
        }
    )
    ref = told(builder.build(source, "1", never)).image.ref
    files = run(ref, "sh", "-c", "cd /srv; find . -type f | sort").split()
    assert files == ["./.dockerignore", "./data/keep", "./sub/b.log"]


def watched(sent: list[str]) -> Callable[..., Iterator[tuple[Item, Iterator[bytes]]]]:
    """Return what sends contents, and writes down which."""

    def watch(items: Sequence[Item], objects: Objects) -> Iterator[tuple[Item, Iterator[bytes]]]:
        sent.extend(item.path for item in items)
        return folder.contents(items, objects)

    return watch


def test_only_changed_files_travel_again(
    builder: Builder, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    dockerfile = f"{BASE}COPY . /srv\n"
    files: dict[str, File] = {f"f{number}": f"content {number}" for number in range(50)}
    told(builder.build(repository.commit({"Dockerfile": dockerfile, **files}), "1", never))
    sent: list[str] = []
    monkeypatch.setattr(filesync, "contents", watched(sent))
    source = repository.commit({"f7": "Content 7", "f8l": Link("f9")})
    ref = told(builder.build(source, "2", never)).image.ref
    assert sent == ["f7"]
    script = "cd /srv; cat f6 f7; readlink f8l; ls | wc -l"
    assert run(ref, "sh", "-c", script) == "content 6Content 7f9\n52\n"


def test_an_engine_that_does_not_synchronise_gets_a_tar(
    builder: Builder, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "DIFF_COPY", "/moby.filesync.v1.FileSync/None")
    source = repository.commit({"Dockerfile": f"{BASE}COPY . /srv\nCMD cat /srv/a\n", "a": "tar"})
    assert run(told(builder.build(source, "1", never)).image.ref) == "tar"


def test_objects_that_vanish_while_they_are_sent(builder: Builder, repository: Repository) -> None:
    source = repository.commit({"Dockerfile": f"{BASE}COPY . /srv\n", "a": "lost"})
    oid = repository.git("-C", str(repository.folder), "rev-parse", "HEAD:a")
    stream = builder.build(source, "1", never)
    next(stream)
    (repository.folder / ".git" / "objects" / oid[:2] / oid[2:]).unlink()
    with pytest.raises(BuildFailed, match="Git cannot read"):
        told(stream)
    with pytest.raises(BuildFailed, match="Git cannot read a of"):
        told(builder.build(source, "2", never))


def test_lfs_pointers_are_told(builder: Builder, repository: Repository) -> None:
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"
    for name, content in {
        "Dockerfile": BASE,
        ".gitattributes": "*.mp4 filter=lfs\n",
        "film.mp4": pointer,
        "note.txt": "no pointer",
    }.items():
        (repository.folder / name).write_text(content)
        repository.git("-C", str(repository.folder), "-c", "filter.lfs.clean=cat", "add", name)
    repository.git("-C", str(repository.folder), "commit", "-qm", "film")
    story = told(builder.build(repository.source(), "1", never))
    assert "1 file is a Git LFS pointer: film.mp4. Their contents are not in the push" in story.text


def test_lfs_pointers_are_told_without_gitattributes(
    builder: Builder, repository: Repository
) -> None:
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize {{}}\n"
    files: dict[str, File] = {f"{n}.mp4": pointer.format(n) for n in range(7)}
    ignored = {".dockerignore": "left-out\n", "left-out": pointer.format(9)}
    story = told(
        builder.build(repository.commit({"Dockerfile": BASE, **files, **ignored}), "1", never)
    )
    assert (
        "7 files are Git LFS pointers: 0.mp4, 1.mp4, 2.mp4, 3.mp4, 4.mp4 and 2 more" in story.text
    )
    assert "git lfs migrate export" in story.text


def test_the_same_attempt_again_uses_what_is_there(
    builder: Builder, repository: Repository
) -> None:
    source = repository.commit({"Dockerfile": f"{BASE}RUN echo once\n"})
    first = told(builder.build(source, "1", never))
    again = told(builder.build(source, "1", never))
    assert again.image == first.image
    assert "made by an earlier attempt" in again.text
    other = repository.commit({"Dockerfile": f"{BASE}RUN echo twice\n"})
    assert told(builder.build(other, "1", never)).image != first.image


@pytest.mark.parametrize("kind", ["buildkit", "classic"])
def test_certificates_and_indexes_stay_out_of_the_image(
    kind: str, make_builder: MakeBuilder, repository: Repository, tmp_path: Path
) -> None:
    bundle = tmp_path / "ca.crt"
    trusted = Settings().build_ca_bundle
    bundle.write_bytes((trusted.read_bytes() if trusted else b"") + SECRET.encode())
    builder = make_builder(builder=kind, build_ca_bundle=bundle)
    source = repository.commit({"requirements.txt": "itsdangerous==2.2.0\n", "app.py": ""})
    ref = told(builder.build(source, kind, never)).image.ref
    look = f"grep -rlF -e '{SECRET.strip()}' /etc /app /opt /root /run 2>/dev/null; env"
    seen = run(ref, "sh", "-c", look)
    assert "ca-certificates" not in seen
    assert "SSL_CERT_FILE" not in seen
    history = ["docker", "history", "--no-trunc", ref]
    assert "CERT" not in subprocess.run(history, capture_output=True, text=True, check=True).stdout


def test_the_package_index_is_the_operators(
    make_builder: MakeBuilder, repository: Repository
) -> None:
    builder = make_builder(build_pip_index_url="http://127.0.0.1:1/simple")
    source = repository.commit({"requirements.txt": "itsdangerous==2.2.0\n", "app.py": ""})
    with pytest.raises(BuildFailed) as failure:
        told(builder.build(source, "1", never))
    assert "Connection refused" in failure.value.why


def test_the_classic_builder_does_the_same(
    make_builder: MakeBuilder, repository: Repository
) -> None:
    builder = make_builder(builder="classic")
    source = repository.commit(
        {"requirements.txt": "itsdangerous==2.2.0\n", "app.py": "import itsdangerous\n"}
    )
    story = told(builder.build(source, "1", never))
    run(story.image.ref, "python", "app.py")
    failing = repository.commit({"Dockerfile": f"{BASE}RUN echo the reason; exit 3\n"})
    with pytest.raises(BuildFailed) as failure:
        told(builder.build(failing, "2", never))
    assert "RUN echo the reason; exit 3: exit code 3" in failure.value.what
    assert failure.value.why == "the reason"


def test_lines_come_while_the_build_runs(builder: Builder, repository: Repository) -> None:
    source = repository.commit({"Dockerfile": f"{BASE}RUN echo first; sleep 2; echo second\n"})
    seen: dict[str, float] = {}
    for event in builder.build(source, "1", never):
        seen.setdefault(str(event).strip(), time.monotonic())
    assert seen["second"] - seen["first"] > 1.5
