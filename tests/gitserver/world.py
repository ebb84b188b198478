"""A git server with a real store and worker on fake workshops, and the real clients to talk to it."""

import hashlib
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deployer.worker import Worker
from empire import apps, keys, users
from empire.actors import Actor
from empire.platform import Platform
from empire.settings import Settings
from empire.store import Store
from empire.users import Role
from gitserver.repositories import Repositories
from gitserver.server import GitServer
from tests.fake_one_offs import FakeOneOffs
from tests.fakes import FakeBuilder, FakeLogs, FakeRegistry, FakeRouter, FakeScheduler

TIMEOUT_SECONDS = 20


@dataclass
class Done:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def all(self) -> str:
        return self.out + self.err


@dataclass
class Person:
    """Somebody with a key."""

    actor: Actor
    key: Path


@dataclass
class World:
    """A running server, the people who use it, and a folder for their clones."""

    folder: Path
    settings: Settings
    store: Store
    repositories: Repositories
    server: GitServer
    builder: FakeBuilder
    worker: Worker
    people: dict[str, Person] = field(default_factory=dict)

    def person(self, name: str, role: Role = Role.MEMBER, kind: str = "ed25519") -> Person:
        """Return a new person with a fresh key."""
        key = new_key(self.folder / f"{name}.key", kind)
        with self.store.writing() as session:
            owner, made = users.first(session, name, f"{name}@example.com")
            by = users.acting(owner, "test")
            if not made:
                owner = users.create(session, f"{name}@example.com", name, role=role, by=by)
            keys.add(session, owner.id, key.with_suffix(".key.pub").read_text(), by=by)
            person = Person(users.acting(owner, "test"), key)
        self.people[name] = person
        return person

    def app(self, name: str, owner: Person) -> None:
        """Make an app."""
        with self.store.writing() as session:
            apps.create(session, name, by=owner.actor)

    def url(self, app: str = "hello") -> str:
        """Return the app's address."""
        return f"ssh://git@127.0.0.1:{self.server.port}/{app}.git"

    def env(self, person: Person, *ssh: str, **more: str) -> dict[str, str]:
        """Return the environment of a person's git."""
        command = " ".join(["ssh", *self.ssh_options(person), *ssh])
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "GIT_SSH_COMMAND": command,
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_AUTHOR_NAME": "Ann",
            "GIT_AUTHOR_EMAIL": "ann@example.com",
            "GIT_COMMITTER_NAME": "Ann",
            "GIT_COMMITTER_EMAIL": "ann@example.com",
            "GIT_AUTHOR_DATE": "1700000000 +0000",
            "GIT_COMMITTER_DATE": "1700000000 +0000",
            **more,
        }

    def ssh_options(self, person: Person) -> list[str]:
        """Return what keeps ssh away from this machine's own configuration."""
        options = {
            "IdentitiesOnly": "yes",
            "IdentityAgent": "none",
            "StrictHostKeyChecking": "no",
            "UserKnownHostsFile": "/dev/null",
            "LogLevel": "ERROR",
            "BatchMode": "yes",
        }
        pairs = [part for name, value in options.items() for part in ("-o", f"{name}={value}")]
        return ["-F", "/dev/null", "-i", str(person.key), *pairs]

    def ssh(self, person: Person, *words: str) -> Done:
        """Run ssh to the server."""
        return run(
            [
                "ssh",
                *self.ssh_options(person),
                "-p",
                str(self.server.port),
                *words,
            ],
            env=self.env(person),
        )

    def ssh_first(self, person: Person, *words: str) -> Done:
        """Run ssh with options that go before the person's own: ssh takes the first of each."""
        port = ["-p", str(self.server.port)]
        (*options,) = words
        return run(
            ["ssh", *options[:-1], *self.ssh_options(person), *port, options[-1]],
            env=self.env(person),
        )

    def git(self, person: Person, where: Path, *words: str, **options: Any) -> Done:
        """Run git as the person."""
        return run(["git", "-C", str(where), *words], env=self.env(person), **options)

    def clone_of(self, person: Person, name: str = "work", app: str = "hello") -> Path:
        """Return a new repository with one commit and the server as its remote."""
        where = self.folder / name
        where.mkdir()
        self.git(person, where, "init", "-q", "-b", "main")
        self.git(person, where, "remote", "add", "empire", self.url(app))
        commit(
            self, person, where, {"app.py": "print('one')\n", "Procfile": "web: python app.py\n"}
        )
        return where

    def push(self, person: Person, where: Path) -> Done:
        """Push main, which must succeed."""
        done = self.git(person, where, "push", "empire", "main")
        assert done.code == 0, done.all
        return done

    @contextmanager
    def pushing(
        self, person: Person, where: Path, **more: str
    ) -> Iterator["subprocess.Popen[bytes]"]:
        """Push main while the block runs."""
        push = subprocess.Popen(
            ["git", "-C", str(where), "push", "empire", "main"],
            env=self.env(person, **more),
            stderr=subprocess.PIPE,
        )
        with push:
            try:
                yield push
            finally:
                push.kill()

    def talk(self, person: Person, command: str, words: bytes) -> str:
        """Send raw bytes to a command and return everything that it answers."""
        ssh = ["ssh", *self.ssh_options(person), "-p", str(self.server.port), "git@127.0.0.1"]
        return run([*ssh, command], env=self.env(person), stdin=words).all

    def pkt(self, *lines: str) -> bytes:
        """Return the lines as pkt-lines with a flush."""
        return (
            b"".join(b"%04x%s" % (len(line.encode()) + 4, line.encode()) for line in lines)
            + b"0000"
        )

    def empty_pack(self) -> bytes:
        """Return a pack without objects."""
        head = b"PACK\0\0\0\2\0\0\0\0"
        return head + hashlib.sha1(head).digest()

    def run(self, words: list[str], env: dict[str, str]) -> Done:
        """Run a command."""
        return run(words, env=env)

    def head(self, where: Path) -> str:
        """Return the commit that is checked out."""
        return run(["git", "-C", str(where), "rev-parse", "HEAD"], env=dict(os.environ)).out.strip()

    def repository(self, app: str = "hello") -> Path:
        """Return the app's repository."""
        return self.settings.repositories / f"{app}.git"

    def objects(self, app: str = "hello") -> list[Path]:
        """Return every file in which the app's repository or its quarantines keep objects."""
        kinds = ("pack", "idx", "rev")
        packs = [file for kind in kinds for file in self.repository(app).rglob(f"*.{kind}")]
        return packs + list(self.repository(app).rglob("objects/[0-9a-f][0-9a-f]/*"))

    def fsck(self, app: str = "hello") -> str:
        """Return what git finds wrong with the app's repository."""
        words = [
            "git",
            "-C",
            str(self.repository(app)),
            "fsck",
            "--full",
            "--strict",
            "--no-dangling",
        ]
        done = run(words, env=dict(os.environ))
        return done.all if done.code else ""

    def refs(self, app: str = "hello") -> dict[str, str]:
        """Return the app's refs as they are on disk."""
        return dict(self.repositories.refs(app))  # type: ignore[arg-type]

    def quarantines(self) -> list[Path]:
        """Return every quarantine that exists."""
        return list(self.settings.repositories.glob("*.git/incoming/*"))


def commit(
    world: World, person: Person, where: Path, files: dict[str, str], message: str = "Change"
) -> str:
    """Commit the files and return the commit's id."""
    for name, text in files.items():
        (where / name).parent.mkdir(parents=True, exist_ok=True)
        (where / name).write_text(text)
    world.git(person, where, "add", "-A")
    done = world.git(person, where, "commit", "-q", "-m", message)
    assert done.code == 0, done.err
    return world.git(person, where, "rev-parse", "HEAD").out.strip()


def new_key(path: Path, kind: str = "ed25519") -> Path:
    """Make a key pair."""
    subprocess.run(
        ["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", path.stem, "-f", str(path)],
        check=True,
        timeout=TIMEOUT_SECONDS,
    )
    return path


def run(words: list[str], *, env: dict[str, str], stdin: bytes = b"") -> Done:
    """Run a command to its end."""
    done = subprocess.run(
        words, env=env, input=stdin, capture_output=True, timeout=TIMEOUT_SECONDS, check=False
    )
    return Done(done.returncode, done.stdout.decode(), done.stderr.decode())


@contextmanager
def running(folder: Path, **knobs: Any) -> Iterator[World]:
    """Run a server until the block ends; at its end no thread of ours may be left."""
    settings = Settings(home=folder / "home", ssh_port=0, **knobs)
    store = Store(settings)
    store.migrate()
    repositories = Repositories(settings)
    builder = FakeBuilder()
    platform = Platform(
        sources=repositories,
        builder=builder,
        registry=FakeRegistry(),
        scheduler=FakeScheduler(),
        router=FakeRouter(),
        logs=FakeLogs(),
        one_offs=FakeOneOffs(),
    )
    worker = Worker(store, platform)
    worker.start()
    server = GitServer(settings, store, repositories, platform)
    server.start()
    try:
        yield World(folder, settings, store, repositories, server, builder, worker)
    finally:
        server.stop()
        worker.stop()
        store.close()
        for thread in threading.enumerate():
            assert not thread.name.startswith("ssh-"), thread
