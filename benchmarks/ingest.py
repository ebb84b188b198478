"""How long a first push takes: Empire's git server beside OpenSSH and `git receive-pack`.

Both receive the same repository from the same git client, in turns: one with 35,000 objects, one with
400 MB of blobs. The deployment behind Empire's push is accepted at once. Needs sshd on this machine.
"""

import argparse
import contextlib
import getpass
import os
import random
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

LIMIT = 1.0
ROOT = Path(__file__).parent.parent
BLOB_MB = 400
FILES = 200


def main() -> int:
    """Measure, print, and return 1 when a ratio is over its limit."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.serve:
        return serve(chosen.serve)
    with tempfile.TemporaryDirectory(prefix="ingest-") as name:
        return compare(Path(name), chosen.rounds)


def compare(folder: Path, rounds: int) -> int:
    """Measure every repository on both servers."""
    key = new_key(folder / "id")
    repositories = {
        "ingest_35000_objects": many_objects(folder / "many"),
        "ingest_400_mb": large_blobs(folder / "large"),
    }
    lines, rows = [], []
    with openssh(folder / "sshd", key) as theirs, empire(folder / "empire", key) as ours:
        for name, repository in repositories.items():
            seconds = rounds_of(repository, rounds, theirs, ours)
            baseline, own = (statistics.median(times) for times in seconds)
            ratio = own / baseline
            rows += [(name, "OpenSSH", seconds[0], baseline), (name, "Empire", seconds[1], own)]
            lines.append((f"{name}_ratio", ratio))
    print(f"{'repository':<22}{'server':<10}{'median':>8}{'min':>8}{'max':>8}  rounds")
    for name, server, times, median in rows:
        print(
            f"{name:<22}{server:<10}{median:>7.2f}s{min(times):>7.2f}s{max(times):>7.2f}s  {len(times)}"
        )
    for name, ratio in lines:
        print(f"{name} {ratio:.3f} {LIMIT:.3f} {'ok' if ratio <= LIMIT else 'over'}")
    return int(any(ratio > LIMIT for _, ratio in lines))


def rounds_of(
    repository: Path, rounds: int, theirs: "Door", ours: "Door"
) -> tuple[list[float], list[float]]:
    """Push in turns to fresh places; the first round only warms up."""
    seconds: tuple[list[float], list[float]] = ([], [])
    for turn in range(rounds + 1):
        for times, door in zip(seconds, (theirs, ours), strict=True):
            spent = door.push(repository, f"{repository.name}-{turn:02}-app")
            if turn:
                times.append(spent)
    return seconds


class Door:
    """A server that takes pushes."""

    def __init__(self, port: int, key: Path, prefix: str = "", root: Path | None = None) -> None:
        self.port, self.key, self.prefix, self.root = port, key, prefix, root

    def push(self, repository: Path, app: str) -> float:
        """Push to a fresh place and return the seconds that it took."""
        if self.root:
            git(self.root, "init", "-q", "--bare", f"{app}.git")
        url = f"ssh://{getpass.getuser()}@127.0.0.1:{self.port}{self.prefix}/{app}.git"
        os.sync()
        began = time.perf_counter()
        git(repository, "push", "-q", url, "main", ssh=ssh_command(self.key))
        spent = time.perf_counter() - began
        if self.root:
            shutil.rmtree(self.root / f"{app}.git")
        return spent


def many_objects(where: Path) -> Path:
    """Make a repository of 35,000 objects in 4,400 commits of text files, packed as a clone is."""
    chance = random.Random(1)
    words = [f"word{number}" for number in range(5000)]
    texts = {
        f"{folder}/{part}/{name}.py": [" ".join(chance.choices(words, k=8)) for _ in range(60)]
        for folder in ("api", "web", "jobs")
        for part in range(20)
        for name in range(25)
    }
    paths = sorted(texts)
    stream = []
    for number in range(4400):
        changed = paths if number == 0 else chance.sample(paths, 2)
        message = f"Change {number}\n"
        stream.append(
            f"commit refs/heads/main\ncommitter Ann <ann@example.com> {1700000000 + number} +0000\n"
            f"data {len(message)}\n{message}\n"
        )
        for path in changed:
            texts[path][chance.randrange(60)] = " ".join(chance.choices(words, k=8))
            text = "\n".join(texts[path])
            stream.append(f"M 100644 inline {path}\ndata {len(text)}\n{text}\n")
    return imported(where, "".join(stream).encode())


def large_blobs(where: Path) -> Path:
    """Make a repository of 200 files that do not compress, 400 MB together.

    So many, because git receive-pack unpacks a push of less than 100 objects into loose ones, which
    would cost the other side twice the time.
    """
    chance = random.Random(2)
    size = BLOB_MB * 1_000_000 // FILES
    stream = [
        b"commit refs/heads/main\ncommitter Ann <ann@example.com> 1700000000 +0000\ndata 4\nBig\n\n"
    ]
    for number in range(FILES):
        stream.append(b"M 100644 inline media/%d.bin\ndata %d\n" % (number, size))
        stream.append(chance.randbytes(size) + b"\n")
    return imported(where, b"".join(stream))


def imported(where: Path, stream: bytes) -> Path:
    """Return a repository made of a fast-import stream, packed."""
    where.mkdir()
    git(where, "init", "-q", "-b", "main")
    git(where, "fast-import", "--quiet", stdin=stream)
    git(where, "repack", "-adq", "--window=5")
    count = git(where, "count-objects", "-v").split("in-pack: ")[1].split()[0]
    print(f"{where.name}: {count} objects", file=sys.stderr)
    return where


@contextlib.contextmanager
def openssh(folder: Path, key: Path) -> Iterator[Door]:
    """Run an sshd of our own on a free port."""
    folder.mkdir()
    host_key = new_key(folder / "host_key")
    authorized = folder / "authorized_keys"
    authorized.write_text(key.with_suffix(".pub").read_text())
    authorized.chmod(0o600)
    port = free_port()
    config = folder / "sshd_config"
    config.write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {host_key}\nPidFile none\n"
        f"AuthorizedKeysFile {authorized}\nStrictModes no\nUsePAM no\nPermitRootLogin yes\n"
        "PasswordAuthentication no\nUseDNS no\n"
    )
    sshd = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/usr/bin")
    if not sshd:
        sys.exit("sshd is not installed: apt-get install openssh-server")
    Path("/run/sshd").mkdir(exist_ok=True)
    repositories = folder / "repositories"
    repositories.mkdir()
    with process([sshd, "-D", "-e", "-f", str(config)], port):
        yield Door(port, key, str(repositories), repositories)


@contextlib.contextmanager
def empire(folder: Path, key: Path) -> Iterator[Door]:
    """Run our git server in a process of its own."""
    folder.mkdir()
    port = free_port()
    shutil.copy(key.with_suffix(".pub"), folder / "ann.pub")
    environment = {
        **os.environ,
        "EMPIRE_HOME": str(folder / "home"),
        "EMPIRE_SSH_PORT": str(port),
        "PYTHONPATH": str(ROOT),
    }
    with process([sys.executable, __file__, "--serve", str(folder)], port, environment):
        yield Door(port, key)


def serve(folder: Path) -> int:
    """Be Empire's git server, with a worker on workshops that do nothing."""
    from deployer.worker import Worker
    from empire import keys, users
    from empire.platform import Platform
    from empire.settings import Settings
    from empire.store import Store
    from gitserver.repositories import Repositories
    from gitserver.server import GitServer
    from tests.fake_one_offs import FakeOneOffs
    from tests.fakes import FakeBuilder, FakeLogs, FakeRegistry, FakeRouter, FakeScheduler

    settings = Settings()
    store = Store(settings)
    store.migrate()
    with store.writing() as session:
        owner, _ = users.first(session, "Ann", "ann@example.com")
        keys.add(session, owner.id, (folder / "ann.pub").read_text(), by=users.acting(owner, "key"))
    sources = Repositories(settings)
    fakes = (
        FakeBuilder(),
        FakeRegistry(),
        FakeScheduler(),
        FakeRouter(),
        FakeLogs(),
        FakeOneOffs(),
    )
    platform = Platform(sources, *fakes)
    Worker(store, platform).start()
    GitServer(settings, store, sources, platform).start()
    while True:
        time.sleep(60)


@contextlib.contextmanager
def process(
    words: list[str], port: int, environment: dict[str, str] | None = None
) -> Iterator[None]:
    """Run a server until the block ends; the block begins when it listens."""
    with tempfile.TemporaryFile() as log:
        server = subprocess.Popen(words, env=environment, stdout=log, stderr=log)
        try:
            wait_until_open(server, port, log)
            yield
        finally:
            server.terminate()
            server.wait(10)


def wait_until_open(server: "subprocess.Popen[bytes]", port: int, log: IO[bytes]) -> None:
    """Return when the server listens; ends the program when it does not."""
    deadline = time.monotonic() + 30
    while not is_open(port):
        if server.poll() is not None or time.monotonic() > deadline:
            log.seek(0)
            sys.exit(f"Port {port} stays closed: {log.read().decode()}")
        time.sleep(0.02)


def is_open(port: int) -> bool:
    """Tell whether something listens on the port."""
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def new_key(path: Path) -> Path:
    """Make a key pair."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
    return path


def ssh_command(key: Path) -> str:
    """Return how git calls ssh: with its default ciphers and without this machine's configuration."""
    options = (
        "IdentitiesOnly=yes IdentityAgent=none StrictHostKeyChecking=no "
        "UserKnownHostsFile=/dev/null LogLevel=ERROR"
    )
    pairs = " ".join(f"-o {option}" for option in options.split())
    return f"ssh -F /dev/null -i {key} {pairs}"


def git(where: Path, *words: str, stdin: bytes = b"", ssh: str = "") -> str:
    """Run git and return its output."""
    environment = {**os.environ, "GIT_SSH_COMMAND": ssh} if ssh else None
    done = subprocess.run(
        ["git", "-C", str(where), *words],
        input=stdin,
        env=environment,
        capture_output=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"git {' '.join(words)}: {done.stderr.decode()}")
    return done.stdout.decode()


if __name__ == "__main__":
    sys.exit(main())
