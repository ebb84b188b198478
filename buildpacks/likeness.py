"""When two builds make the same image: the key of a build stands for all that decides what it makes.

These are the files that the engine gets, the Dockerfile, the images that it stands on, build
arguments, secrets and the target stage. Labels, tags and times are not part of it. What a step
fetches is not either, as with the engine's own cache.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Iterator, Mapping

from buildpacks import context
from buildpacks.dockerfile import VERSION
from buildpacks.order import Order
from buildpacks.tree import Tree
from buildpacks.wishes import MOUNT, instructions

SCRATCH = "scratch"
VARIABLE = re.compile(r"\$(?:\{(\w+)(?::?-([^}]*))?\}|(\w+))")
FROM = re.compile(r"(?:--\S+\s+)*(\S+)(?:\s+AS\s+(\S+))?\s*", re.IGNORECASE)
COPIED = re.compile(r"--from=(\S+)")
ELSEWHERE = re.compile(r"(?:^|\s|[\"\[,])(?:\w+://|git@)")


def key_of(order: Order, tree: Tree, images: Mapping[str, str], about: str, secret: bytes) -> str:
    """Return the build's key. `images` are those it stands on, `about` what else tells builds apart.

    It is a keyed hash (HMAC-SHA256): values of arguments and secrets cannot be guessed from it.
    """
    told = {
        "about": about,
        "images": dict(images),
        "ours": {path: _digest(content) for path, content in order.first.items()},
        "theirs": _files(order, tree),
        "secrets": {id_: _digest(text) for id_, text in order.secrets.items() if id_ != VERSION},
        "arguments": order.arguments,
        "target": order.target,
    }
    return hmac.new(secret, json.dumps(told, sort_keys=True).encode(), "sha256").hexdigest()


def images_of(dockerfile: str, arguments: Mapping[str, str]) -> list[str] | None:
    """Return the images that a Dockerfile takes files from; None where they cannot be told.

    Nor can they where it adds something from elsewhere, which may be another thing tomorrow.
    """
    known: dict[str, str] = {}
    stages: set[str] = set()
    found: list[str] = []
    for word, rest in instructions(dockerfile):
        if word == "ARG" and not stages:
            known |= _defaults(rest)
        if word == "ADD" and ELSEWHERE.search(rest):
            return None
        if word == "FROM" and not FROM.fullmatch(rest):
            return None
        for name in _named(word, rest):
            image = _filled(name, known | dict(arguments))
            if not image or "$" in image:
                return None
            if image.lower() not in {*stages, SCRATCH} and not image.isdigit():
                found.append(image)
        if word == "FROM" and (stage := FROM.fullmatch(rest)):
            stages.add((stage[2] or f"stage {len(stages)}").lower())
    return found


def _named(word: str, rest: str) -> Iterator[str]:
    """Yield what an instruction takes files from."""
    if word == "FROM" and (found := FROM.fullmatch(rest)):
        yield found[1]
    if word == "COPY":
        yield from COPIED.findall(rest)
    if word == "RUN":
        for mount in MOUNT.findall(rest):
            options = dict(part.partition("=")[::2] for part in mount.split(","))
            if "from" in options:
                yield options["from"]


def _defaults(rest: str) -> dict[str, str]:
    pairs = re.findall(r"(\w+)=(\"[^\"]*\"|\S*)", rest)
    return {name: value.strip("\"'") for name, value in pairs}


def _filled(name: str, known: Mapping[str, str]) -> str:
    return VARIABLE.sub(lambda part: known.get(part[1] or part[3]) or part[2] or "", name)


def _files(order: Order, tree: Tree) -> str:
    rows = [
        f"{entry.mode:o} {entry.oid} {entry.path}"
        for entry in (*context.kept(tree, order.is_left_out), *order.beside)
    ]
    return _digest("\0".join(sorted(rows)).encode("utf-8", "surrogateescape"))


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
