"""Fetching archives over https, and the addresses that nobody may have fetched."""

import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from deployer.fetching import fetch, is_public
from empire.errors import BuildFailed, Cancelled, EmpireError, InvalidInput, TimedOut, TooMuch
from empire.settings import Settings


@dataclass
class Elsewhere:
    """An https server; `answers` maps a path to status, location and content."""

    url: str
    answers: dict[str, tuple[int, str, bytes]] = field(default_factory=dict)
    logins: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certificate")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-keyout", folder / "key", "-out", folder / "cert", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"],
        check=True, capture_output=True,
    )  # fmt: skip
    return folder


@pytest.fixture
def elsewhere(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Elsewhere]:
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served.logins.append(self.headers.get("Authorization", ""))
            status, location, content = served.answers[self.path]
            self.send_response(status)
            if location:
                self.send_header("Location", location)
            self.send_header("Content-Length", str(len(content) + (self.path == "/cut")))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    monkeypatch.setenv("SSL_CERT_FILE", str(certificate / "cert"))
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "cert", certificate / "key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    served = Elsewhere(f"https://localhost:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield served
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        home=tmp_path, archive_private_hosts="git.example.com, localhost", archive_max_mib=1
    )


def fetched(
    url: str, settings: Settings, is_cancelled: Callable[[], bool] = lambda: False
) -> bytes:
    target = settings.home / "fetched"
    fetch(url, target, settings, is_cancelled)
    return target.read_bytes()


def test_an_archive_is_fetched_through_redirects(elsewhere: Elsewhere, settings: Settings) -> None:
    elsewhere.answers = {"/a?v=1": (302, "/b", b""), "/b": (200, "", b"archive")}
    url = elsewhere.url.replace("//", "//ann:s%20t@")

    assert fetched(f"{url}/a?v=1", settings) == b"archive"
    assert elsewhere.logins == ["Basic YW5uOnMgdA=="] * 2


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((404, "", b""), "status 404"),
        ((302, "https://127.0.0.1:9/", b""), "private network"),
        ((302, "https://169.254.169.254/latest", b""), "private network"),
        ((302, "http://localhost/", b""), "no address to fetch"),
        ((302, "file:///etc/passwd", b""), "no address to fetch"),
        ((302, "/a", b""), "more than 5 redirects"),
        ((200, "", bytes(1024 * 1024 + 1)), "larger than 1 MiB"),
    ],
)
def test_what_may_not_be_is_not_fetched(
    elsewhere: Elsewhere, settings: Settings, answer: tuple[int, str, bytes], words: str
) -> None:
    elsewhere.answers = {"/a": answer}

    with pytest.raises((BuildFailed, InvalidInput, TooMuch)) as raised:
        fetched(f"{elsewhere.url}/a", settings)
    assert words in str(raised.value)


def test_an_answer_that_is_cut_off_is_no_archive(elsewhere: Elsewhere, settings: Settings) -> None:
    elsewhere.answers = {"/cut": (200, "", b"half")}

    with pytest.raises(BuildFailed, match="fetched"):
        fetched(f"{elsewhere.url}/cut", settings)


def test_it_ends_in_time_and_on_request(elsewhere: Elsewhere, settings: Settings) -> None:
    elsewhere.answers = {"/a": (200, "", b"archive")}

    with pytest.raises(TimedOut):
        fetched(
            f"{elsewhere.url}/a", settings.model_copy(update={"archive_fetch_seconds": 0.000001})
        )
    with pytest.raises(Cancelled):
        fetched(f"{elsewhere.url}/a", settings, lambda: True)


def test_a_full_disk_is_said(elsewhere: Elsewhere, settings: Settings) -> None:
    elsewhere.answers = {"/a": (200, "", b"archive")}

    with pytest.raises(EmpireError, match="disk is full"):
        fetched(f"{elsewhere.url}/a", settings.model_copy(update={"disk_reserve_mib": 10**9}))


def test_who_is_not_there_or_not_who_it_says_is_told(settings: Settings, certificate: Path) -> None:
    with pytest.raises(BuildFailed, match="could not be fetched"):
        fetched("https://localhost:1/", settings)
    with pytest.raises(BuildFailed, match="could not be fetched"):
        fetched("https://absent.invalid/", settings)


def test_a_certificate_that_nobody_trusts_is_refused(
    elsewhere: Elsewhere, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")

    with pytest.raises(BuildFailed) as raised:
        fetched(f"{elsewhere.url}/a", settings)
    assert "certificate" in raised.value.why.lower()


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "169.254.169.254", "172.17.0.1", "192.168.0.1", "100.64.0.1",
     "0.0.0.0", "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1%eth0", "fd00:ec2::254",
     "::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:7f00:1::1", "ff0e::1"],
)  # fmt: skip
def test_addresses_of_private_networks_are_known(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_public_addresses_are_known(address: str) -> None:
    assert is_public(address)
