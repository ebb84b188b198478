"""The life of an app after its first push: each transcript with the real command and a real app."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.product import Product, product
from tests.samples import with_worker
from tests.transcripts.runner import Stage, play

pytestmark = [pytest.mark.docker, pytest.mark.slow]

FILES = sorted((Path(__file__).parent / "life").glob("*.txt"))
ASK = """#!/bin/sh
# ask APP PATH: what the app answers through the router
exec curl -sS --noproxy '*' -H "Host: $1.localhost" "http://127.0.0.1:$EMPIRE_HTTP_PORT$2"
"""
VISIT = """#!/bin/sh
# visit HOST...: the first line of what is answered at each host name
for host; do
    said=$(curl -sS --noproxy '*' -H "Host: $host" "http://127.0.0.1:$EMPIRE_HTTP_PORT/")
    echo "$said" | head -n 1
done
"""
API = """#!/bin/sh
# api PATH [JSON]: what the API answers to a GET, or to a POST of that body
path=$1
shift
token=$(awk '$1 == "password" {print $2}' "$HOME/.netrc")
exec curl -sS --noproxy '*' -H "Authorization: Bearer $token" \\
    -H 'Accept: application/vnd.heroku+json; version=3' ${1:+--json "$1"} "$EMPIRE_URL$path"
"""
FIELD = """#!/bin/sh
# field A.B FILE: a field of a JSON file
exec python3 -c 'import functools, json, sys
print(functools.reduce(dict.get, sys.argv[1].split("."), json.load(sys.stdin)))' "$1" < "$2"
"""
FETCH = """#!/bin/sh
# fetch URL [OPTION...]: what is there for everybody
exec curl -sS --noproxy '*' "$@"
"""
VERSION = """#!/bin/sh
# version N: let the next push bring version N
sed -i "s/^VERSION = .*/VERSION = \\"$1\\"/" app.py && git commit -qam "Version $1"
"""

PROGRAMS = {
    "ask": ASK,
    "visit": VISIT,
    "version": VERSION,
    "api": API,
    "field": FIELD,
    "fetch": FETCH,
}


@pytest.fixture(scope="module")
def living(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    with product(
        tmp_path_factory.mktemp("life"), WORKER_UPTIME_SECONDS="0.2", RELEASES_KEPT="4"
    ) as running:
        yield running


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_transcript(file: Path, living: Product, tmp_path: Path) -> None:
    play(file, _stage(living, tmp_path / "stage", file.stem))


def _stage(running: Product, root: Path, app: str) -> Stage:
    """A person in the repository of an app of the file's name, version 1, not pushed yet."""
    environment = {name: text for name, text in running.environment.items() if name != "PATH"}
    environment["GIT_CONFIG_GLOBAL"] = f"{environment['HOME']}/.gitconfig"
    stage = Stage.make(root, **environment)
    for name, text in PROGRAMS.items():
        (root / "bin" / name).write_text(text)
        (root / "bin" / name).chmod(0o755)
    stage.folder = running.repository(app, with_worker("1"))
    return stage
