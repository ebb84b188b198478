"""Against a real mirror on loopback, made by tests/fixtures/debian/make, and the real gpgv."""

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from buildpacks.debian import archive, mirror
from buildpacks.debian.archive import Archive
from buildpacks.debian.mirror import Reader
from buildpacks.debian.sources import AptSource
from empire.errors import Unavailable
from empire.events import Event

FIXTURES = Path(__file__).parents[2] / "fixtures" / "debian"
HELLO = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    folder = partial(Quiet, directory=str(FIXTURES / "mirror"))
    with ThreadingHTTPServer(("127.0.0.1", 0), folder) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def reader() -> Iterator[Reader]:
    with httpx.Client() as http:
        yield Reader(http, (FIXTURES / "missing.gpg", FIXTURES / "keyring.gpg"))


def find(reader: Reader, sources: list[AptSource], suite: str) -> tuple[list[Event], Archive]:
    seen: list[Event] = []
    steps = archive.find(reader, sources, suite, "amd64")
    while True:
        try:
            seen.append(next(steps))
        except StopIteration as end:
            return seen, end.value


def source(uri: str, suite: str) -> AptSource:
    return AptSource(uri, suite, ("main",))


def test_a_suite_comes_with_its_updates_also_when_one_key_is_unknown(
    reader: Reader, address: str
) -> None:
    seen, found = find(reader, [source(address, "stone")], "stone")
    assert found.index.package("hello").version == "1.1"
    assert [str(event).strip() for event in seen] == [f"Debian stone from {address}: 1 packages"]


def test_security_fixes_that_cannot_be_had_are_told(reader: Reader, address: str) -> None:
    sources = [source(address, "stone"), source(address, "stone-security")]
    seen, found = find(reader, sources, "stone")
    assert found.security == address
    assert "Going on without stone-security" in str(seen[-1])
    assert "not the file that the signed index names" in str(seen[-1])


def test_the_machine_s_own_suite_is_used_where_the_wanted_one_is_missing(
    reader: Reader, address: str
) -> None:
    seen, found = find(reader, [source(address, "stone")], "paper")
    assert found.suite == "stone"
    assert str(seen[0]).startswith(" !     Debian stone instead of paper")


@pytest.mark.parametrize(
    ("suite", "reason"),
    [
        ("missing", "The mirror answers 404."),
        ("forged", "No public key"),
        ("tampered", "BAD signature"),
        ("renamed", "is the index of Debian stone"),
        ("stale", "was valid until Sat, 01 Jan 2022"),
        ("unlisted", "The release file does not list it"),
    ],
)
def test_an_index_that_debian_did_not_sign_so_is_refused(
    reader: Reader, address: str, suite: str, reason: str
) -> None:
    with pytest.raises(Unavailable) as caught:
        find(reader, [source(address, suite)], suite)
    assert reason in caught.value.why


def test_a_stale_index_serves_where_apt_is_told_not_to_mind(reader: Reader, address: str) -> None:
    lax = Reader(reader.http, reader.keyrings, is_strict=False)
    _, found = find(lax, [source(address, "stale")], "stale")
    assert found.suite == "stale"


def test_a_mirror_that_does_not_answer_is_named(reader: Reader) -> None:
    with pytest.raises(
        Unavailable, match=r"127\.0\.0\.1:9/dists/stone/InRelease cannot be fetched"
    ):
        find(reader, [source("http://127.0.0.1:9", "stone")], "stone")


def test_a_machine_without_sources_is_told_of_the_setting(reader: Reader) -> None:
    with pytest.raises(Unavailable, match="EMPIRE_DEBIAN_MIRROR"):
        find(reader, [], "stone")


def test_a_file_is_checked_against_its_digest(reader: Reader, address: str) -> None:
    assert reader.fetch(f"{address}/pool/hello_1.1.deb", HELLO) == b"hello"
    with pytest.raises(Unavailable, match="not the file"):
        reader.fetch(f"{address}/pool/hello_1.1.deb", "0" * 64)


def test_without_keys_or_gpgv_nothing_is_believed(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Unavailable, match="apt-get install debian-archive-keyring"):
        Reader(reader.http, ()).verified("it", b"")
    monkeypatch.setattr(mirror, "MINIMAL_PATH", "/nowhere")
    with pytest.raises(Unavailable, match="apt-get install gpgv"):
        reader.verified("it", b"")
    assert mirror.apt_options() == {}


def test_the_machine_s_own_way_to_the_mirror_is_taken() -> None:
    with mirror.connected() as own:
        assert own.keyrings == mirror.KEYRINGS
