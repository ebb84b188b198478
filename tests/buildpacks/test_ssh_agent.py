"""Deploy keys: OpenSSH's own tools speak with the agent, and steps of real builds do."""

import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from buildpacks import protobuf
from buildpacks.builder import Builder
from buildpacks.ssh_agent import REQUEST_MAX, Conversation, Key
from buildpacks.wishes import granted
from empire.errors import InvalidInput
from empire.secrets import Secret
from tests.buildpacks.conftest import MakeBuilder
from tests.buildpacks.sources import BASE, Repository, never, told
from tests.buildpacks.test_builder import run
from tests.buildpacks.test_dockerfiles import everything_of

KINDS = [("ed25519", ""), ("rsa", "2048"), ("ecdsa", "256"), ("ecdsa", "384"), ("ecdsa", "521")]
PATH = {"PATH": "/usr/bin:/bin"}
# What ssh-add does, for an image that has none: list the keys, and let the first one sign.
ASK = """
import os, socket, struct
agent = socket.socket(socket.AF_UNIX)
agent.connect(os.environ['SSH_AUTH_SOCK'])
def ask(request):
    agent.sendall(struct.pack('>I', len(request)) + request)
    size = int.from_bytes(agent.recv(4, socket.MSG_WAITALL), 'big')
    return agent.recv(size, socket.MSG_WAITALL)
def text(content):
    return struct.pack('>I', len(content)) + content
listed = ask(bytes([11]))
blob = listed[9:9 + int.from_bytes(listed[5:9], 'big')]
signed = ask(bytes([13]) + text(blob) + text(b'challenge') + bytes(4))
open('/seen', 'w').write(blob.hex() + ' ' + signed[-64:].hex())
print('refused', ask(bytes([17]))[0])
"""
STEP = "COPY ask.py /\nRUN --mount=type=ssh{} python3 /ask.py\n"


def made(folder: Path, kind: str = "ed25519", bits: str = "") -> Path:
    """Return the file of a new private key."""
    path = folder / f"{kind}{bits}"
    size = ["-b", bits] if bits else []
    command = ["ssh-keygen", "-q", "-t", kind, *size, "-N", "", "-C", "", "-f", str(path)]
    subprocess.run(command, check=True, env=PATH)
    return path


@contextmanager
def served(path: Path, key: Key) -> Iterator[None]:
    """Serve the agent on a socket, as BuildKit does in a step."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        def serve() -> None:
            while True:
                try:
                    sock, _ = listener.accept()
                except OSError:
                    return
                with sock:
                    _converse(sock, Conversation(key))

        thread = threading.Thread(target=serve)
        thread.start()
        yield
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def _converse(sock: socket.socket, conversation: Conversation) -> None:
    pieces = conversation.pieces()
    while content := sock.recv(4096):
        conversation.take(protobuf.bytes_field(1, content))
        while piece := next(pieces):
            sock.sendall(protobuf.Message.of(piece[5:]).bytes(1))
    conversation.end()
    assert list(pieces) == []


@pytest.mark.parametrize(("kind", "bits"), KINDS)
def test_openssh_lists_and_signs_with_it(kind: str, bits: str, tmp_path: Path) -> None:
    path = made(tmp_path, kind, bits)
    key = Key.of("BUILD_SSH_KEY", path.read_text())
    public = path.with_suffix(".pub").read_text().strip()
    path.unlink()
    with served(tmp_path / "agent", key):
        environment = PATH | {"SSH_AUTH_SOCK": str(tmp_path / "agent")}

        def ask(*command: str, given: bytes = b"") -> str:
            done = subprocess.run(
                command, env=environment, input=given, capture_output=True, check=True, timeout=60
            )
            return done.stdout.decode()

        assert ask("ssh-add", "-L").split()[:2] == public.split()[:2]
        name = ("-f", f"{path}.pub", "-n", "empire")
        signature = tmp_path / "signature"
        signature.write_text(ask("ssh-keygen", "-q", "-Y", "sign", *name, given=b"hello"))
        check = ("ssh-keygen", "-Y", "check-novalidate", "-n", "empire", "-s", str(signature))
        assert "Good" in ask(*check, given=b"hello")


def test_a_key_with_escaped_lines_or_as_pem(tmp_path: Path) -> None:
    path = made(tmp_path)
    text = path.read_text()
    assert Key.of("K", text.strip().replace("\n", "\\n")).blob == Key.of("K", text).blob
    old = made(tmp_path, "rsa", "2048")
    blob = Key.of("K", old.read_text()).blob
    convert = ["ssh-keygen", "-q", "-p", "-N", "", "-m", "PEM", "-f", str(old)]
    subprocess.run(convert, check=True, env=PATH, capture_output=True)
    assert "BEGIN RSA" in old.read_text()
    assert Key.of("K", old.read_text()).blob == blob


def test_what_is_no_key_is_refused_without_showing_it(tmp_path: Path) -> None:
    locked = made(tmp_path)
    lock = ["ssh-keygen", "-q", "-p", "-N", "12345", "-f", str(locked)]
    subprocess.run(lock, check=True, env=PATH, capture_output=True)
    curve = subprocess.run(
        ["openssl", "genpkey", "-algorithm", "x25519"], env=PATH, capture_output=True, check=True
    ).stdout.decode()
    for text in ("very-private", locked.read_text(), curve):
        with pytest.raises(InvalidInput, match="no private key") as refusal:
            Key.of("BUILD_SSH_KEY", text)
        assert "very-private" not in str(refusal.value)


def test_what_the_agent_does_not_do(tmp_path: Path) -> None:
    key = Key.of("K", made(tmp_path, "rsa", "2048").read_text())
    assert key.signature(b"x", 0) == b""  # SHA-1
    other = Conversation(key)
    other.take(protobuf.bytes_field(1, (REQUEST_MAX + 1).to_bytes(4, "big") + bytes(100)))
    assert list(other.pieces()) == []


def test_only_what_the_dockerfile_names_is_handed_over(tmp_path: Path) -> None:
    config = {"BUILD_SSH_KEY": Secret(made(tmp_path).read_text())}
    assert not granted("RUN true", config).keys
    asked = "RUN --mount=type=ssh a\nRUN --mount=type=ssh,id=vendor-key b\n"
    found = granted(asked, config)
    assert set(found.keys) == {"default"}
    assert found.notes == ("SSH keys from config vars: BUILD_SSH_KEY",)
    assert "no config var vendor-key" in found.warnings[0]
    assert set(granted(asked, {"VENDOR_KEY": config["BUILD_SSH_KEY"]}).keys) == {"vendor-key"}
    assert "BEGIN" not in repr(found)


@pytest.mark.docker
def test_a_step_signs_with_the_key_and_no_layer_keeps_it(
    builder: Builder, repository: Repository, tmp_path: Path
) -> None:
    text = made(tmp_path).read_text()
    key = Key.of("BUILD_SSH_KEY", text)
    source = repository.commit({"Dockerfile": BASE + STEP.format(",required=true"), "ask.py": ASK})
    story = told(builder.build(source, "1", never, {"BUILD_SSH_KEY": Secret(text)}))
    assert "SSH keys from config vars: BUILD_SSH_KEY" in story.text
    assert "refused 5" in story.text
    blob, signature = run(story.image.ref, "cat", "/seen").split()
    assert blob == key.blob.hex()
    assert signature == key.signature(b"challenge", 0)[-64:].hex()
    kept = everything_of(story.image.ref)
    for line in filter(None, text.splitlines()):
        assert line.encode() not in kept


@pytest.mark.docker
def test_without_a_key_the_push_says_which(builder: Builder, repository: Repository) -> None:
    step = 'RUN --mount=type=ssh test ! -S "$SSH_AUTH_SOCK"\n'
    story = told(builder.build(repository.commit({"Dockerfile": BASE + step}), "1", never))
    assert "there is no config var BUILD_SSH_KEY" in story.text


@pytest.mark.docker
def test_without_buildkit_it_is_said(make_builder: MakeBuilder, repository: Repository) -> None:
    source = repository.commit({"Dockerfile": BASE + STEP.format(""), "ask.py": ASK})
    with pytest.raises(Exception, match="needs BuildKit"):
        told(make_builder(builder="classic").build(source, "1", never))
