"""What is built again and what is not, on the real engine."""

import subprocess

import pytest

from empire.manifest import UNBUILT, Image
from empire.platform import Known
from empire.secrets import Secret
from tests.buildpacks.conftest import MakeBuilder
from tests.buildpacks.sources import BASE, Repository, Story, never, told

pytestmark = pytest.mark.docker

RANDOM = "RUN cat /proc/sys/kernel/random/uuid > /made\n"


def knowing(*images: Image) -> Known:
    """Return what knows these images."""
    return {image.key: ("v7", image) for image in images if image.key}.get


def docker(*words: str) -> str:
    """Run docker and return what it printed."""
    done = subprocess.run(["docker", *words], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.parametrize("kind", ["buildkit", "classic"])
def test_an_unchanged_tree_builds_nothing(
    kind: str, make_builder: MakeBuilder, repository: Repository
) -> None:
    builder = make_builder(builder=kind)
    files = {"index.html": "one", "Procfile": "web: serve\nworker: true\n", ".slugignore": "*.md\n"}
    first = told(builder.build(repository.commit(files), "1", never)).image
    again = repository.commit({"read.md": "left out of the build"})

    story = told(builder.build(again, "2", never, known=knowing(first)))

    assert story.image == first
    assert story.text.endswith("-----> Nothing changed since v7: its image is used")
    seen = told(builder.forecast(again, never, known=knowing(first)))
    assert seen.image == first
    assert seen.text.endswith("-----> Nothing changed since v7: its image would be used")
    changed = repository.commit({"index.html": "two"})
    assert told(builder.forecast(changed, never, known=knowing(first))).image.ref == UNBUILT
    assert told(builder.build(changed, "3", never, known=knowing(first))).image.ref != first.ref


def test_another_image_below_builds_anew(make_builder: MakeBuilder, repository: Repository) -> None:
    builder = make_builder()
    below = f"empire-test/floats:{repository.folder.parent.name.replace('_', '-').lower()}"

    def float_to(content: str) -> None:
        text = f"FROM empire/python:3\nLABEL empire.test=1\nRUN echo {content} > /below\n"
        command = ["docker", "build", "-q", "-t", below, "-"]
        subprocess.run(command, input=text.encode(), capture_output=True, check=True)

    try:
        float_to("one")
        source = repository.commit({"Dockerfile": f"FROM {below}\nLABEL empire.test=1\n"})
        first = told(builder.build(source, "1", never)).image
        assert "v7" in told(builder.build(source, "2", never, known=knowing(first))).text
        float_to("two")
        moved = told(builder.build(source, "3", never, known=knowing(first)))
    finally:
        docker("rmi", "-f", below)
    assert "v7" not in moved.text
    assert docker("run", "--rm", moved.image.ref, "cat", "/below") == "two"


def test_what_a_dockerfile_names_tells_builds_apart(
    make_builder: MakeBuilder, repository: Repository
) -> None:
    builder = make_builder()
    steps = "ARG MODE\nRUN --mount=type=secret,id=TOKEN true\n"
    source = repository.commit({"Dockerfile": f"{BASE}{steps}"})

    def build(name: str, *known: Image, **config: str) -> Story:
        wishes = {var: Secret(value) for var, value in config.items()}
        return told(builder.build(source, name, never, wishes, knowing(*known)))

    first = build("1", MODE="fast", TOKEN="hush", OTHER="1").image
    assert "v7" in build("2", first, MODE="fast", TOKEN="hush", OTHER="2").text
    assert "v7" not in build("3", first, MODE="slow", TOKEN="hush").text
    assert "v7" not in build("4", first, MODE="fast", TOKEN="other").text


def test_the_commit_counts_where_the_dockerfile_asks_for_it(
    make_builder: MakeBuilder, repository: Repository
) -> None:
    builder = make_builder()
    steps = "ARG SOURCE_VERSION\nRUN echo $SOURCE_VERSION > /version\n"
    source = repository.commit({"Dockerfile": f"{BASE}{steps}"})
    first = told(builder.build(source, "1", never)).image
    assert "v7" in told(builder.build(source, "2", never, known=knowing(first))).text
    other = repository.commit({})
    assert "v7" not in told(builder.build(other, "3", never, known=knowing(first))).text


def test_what_comes_from_elsewhere_is_never_known(
    make_builder: MakeBuilder, repository: Repository
) -> None:
    builder = make_builder()
    file = repository.folder / "served"
    steps = f"FROM scratch AS unused\nADD https://127.0.0.1:1/{file.name} /\n{BASE}"
    first = told(builder.build(repository.commit({"Dockerfile": steps}), "1", never)).image
    assert first.key == ""


@pytest.mark.parametrize("kind", ["buildkit", "classic"])
def test_a_fresh_build_runs_every_step(
    kind: str, make_builder: MakeBuilder, repository: Repository
) -> None:
    builder = make_builder(builder=kind)
    source = repository.commit({"Dockerfile": f"{BASE}{RANDOM}"})

    def made(image: Image) -> str:
        return docker("run", "--rm", image.ref, "cat", "/made")

    first = told(builder.build(source, "1", never)).image
    assert made(told(builder.build(source, "2", never)).image) == made(first)

    fresh = told(builder.build(source, "3", never, known=knowing(first), is_fresh=True))

    assert "No cache is used (no-cache)" in fresh.text
    assert "v7" not in fresh.text
    assert made(fresh.image) != made(first)
    assert made(told(builder.build(source, "4", never)).image) == made(fresh.image)


def test_a_fresh_build_leaves_cache_mounts_behind(
    make_builder: MakeBuilder, repository: Repository
) -> None:
    builder = make_builder()
    mount = "RUN --mount=type=cache,target=/cache "

    def count(name: str, *, is_fresh: bool = False) -> str:
        steps = f"{mount}touch /cache/{name}\n{mount}: {name}; ls /cache | wc -l > /count\n"
        source = repository.commit({"Dockerfile": f"{BASE}{steps}"})
        image = told(builder.build(source, name, never, is_fresh=is_fresh)).image
        return docker("run", "--rm", image.ref, "cat", "/count")

    assert count("1") == "1"
    assert count("2") == "2"
    assert count("3", is_fresh=True) == "1"
    assert count("4") == "2"
