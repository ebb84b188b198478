"""What tells builds apart."""

from dataclasses import replace

import pytest

from buildpacks.likeness import images_of, key_of
from buildpacks.order import Order
from buildpacks.tree import Tree
from tests.buildpacks.sources import Program, Repository

SECRET = b"k" * 32
ORDER = Order(
    "empire/a:1",
    {"empire.commit": "1"},
    {"Dockerfile": b"FROM a\n"},
    "",
    lambda path: path == "notes",
    {"token": b"one", "source-version": b"1"},
    {"MODE": "fast"},
)


@pytest.mark.parametrize(
    ("dockerfile", "images"),
    [
        ("FROM a\n", ["a"]),
        ("FROM --platform=linux/amd64 a:1 AS one\nFROM one\nCOPY --from=ONE /x /x\n", ["a:1"]),
        ("ARG V=3\nFROM a:${V} AS b\nCOPY --from=0 /x /x\nCOPY --from=c:2 /x /x\n", ["a:3", "c:2"]),
        ('ARG V="3"\nFROM a:$V\nRUN --mount=type=bind,from=d,target=/d true\n', ["a:3", "d"]),
        ("FROM a:${V:-9}\nARG IMAGE=x\n", ["a:9"]),
        ("FROM scratch\nADD files.tar /\n", []),
        ("ARG V\nFROM $V\n", None),
        ("FROM a AS b c\n", None),
        ("FROM a\nADD https://example.com/x /x\n", None),
        ('FROM a\nADD ["https://example.com/x", "/x"]\n', None),
        ("FROM a\nADD --keep-git-dir git@example.com:a.git /x\n", None),
    ],
)
def test_the_images_that_a_dockerfile_stands_on(dockerfile: str, images: list[str] | None) -> None:
    assert images_of(dockerfile, {}) == images


def test_a_build_argument_decides_the_image() -> None:
    assert images_of("ARG V=3\nFROM a:$V\n", {"V": "4"}) == ["a:4"]


def test_the_key_is_of_all_that_decides_what_the_image_has(repository: Repository) -> None:
    def key(order: Order = ORDER, image: str = "sha256:1", about: str = "") -> str:
        with Tree(repository.source()) as tree:
            return key_of(order, tree, {"a": image}, about, SECRET)

    repository.commit({"a.txt": "one", "notes": "one"})
    first = key()
    assert len(first) == 64
    repository.commit({"notes": "two"})
    relabelled = replace(
        ORDER,
        tag="empire/a:2",
        labels={},
        secrets={"token": b"one", "source-version": b"2"},
        is_fresh=True,
    )
    assert key(relabelled) == first
    others = [
        key(image="sha256:2"),
        key(about="/health"),
        key(replace(ORDER, first={"Dockerfile": b"FROM a\nRUN true\n"})),
        key(replace(ORDER, secrets={"token": b"two"})),
        key(replace(ORDER, arguments={"MODE": "slow"})),
        key(replace(ORDER, target="test")),
    ]
    repository.commit({"a.txt": "two"})
    others.append(key())
    repository.commit({"b.txt": "two"})
    others.append(key())
    (repository.folder / "b.txt").unlink()
    repository.commit({"b.txt": Program("two")})
    others.append(key())
    assert len({first, *others}) == len(others) + 1
