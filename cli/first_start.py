"""The first start: makes the first person an owner, with the keys of this machine's user and a token."""

import getpass
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

from sqlmodel import Session

from cli import netrc
from empire import keys, tokens, users
from empire.errors import EmpireError, Unauthorized
from empire.settings import Settings
from empire.store import Store
from empire.users import User, acting


def welcome(settings: Settings, store: Store, home: Path) -> Iterator[str]:
    """Yield what was done for the person who starts the server: nothing when all is there."""
    with store.writing() as session:
        owner, is_new = users.first(session, *_name_and_email())
        if is_new:
            yield f"Made {owner.name} <{owner.email}> the owner of this server."
            yield from _add_keys(session, owner, home)
        yield from _leave_token(session, owner, settings, home / ".netrc")


def _name_and_email() -> tuple[str, str]:
    login = getpass.getuser()
    name = _git_config("user.name") or login
    email = _git_config("user.email") or f"{login}@{socket.gethostname() or 'localhost'}"
    return name, email


def _git_config(name: str) -> str:
    found = subprocess.run(
        ["git", "config", "--get", name], capture_output=True, text=True, check=False, timeout=10
    )
    return found.stdout.strip()


def _add_keys(session: Session, owner: User, home: Path) -> Iterator[str]:
    files = sorted((home / ".ssh").glob("*.pub")) or [_new_key(home, owner.email)]
    for file in files:
        try:
            key = keys.add(session, owner.id, file.read_text(), by=acting(owner, "first start"))
        except EmpireError as error:
            yield f"Left out {file}: {error.what}"
        else:
            yield f"Added the key {file} ({key.fingerprint})."


def _new_key(home: Path, email: str) -> Path:
    folder = home / ".ssh"
    folder.mkdir(mode=0o700, exist_ok=True)
    path = folder / "id_ed25519"
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", email, "-f", str(path)],
        check=True, timeout=30,
    )  # fmt: skip
    return path.with_suffix(".pub")


def _leave_token(session: Session, owner: User, settings: Settings, path: Path) -> Iterator[str]:
    machine = f"{settings.listen_host}:{settings.api_port}"
    known = netrc.token_of(path, machine)
    if known and _is_valid(session, known):
        return
    actor = acting(owner, "first start")
    _, secret = tokens.create(session, owner.id, f"empire CLI on {socket.gethostname()}", by=actor)
    netrc.put(path, machine, owner.email, secret.reveal())
    yield f"Left a token for the empire command in {path}."


def _is_valid(session: Session, token: str) -> bool:
    try:
        tokens.identify(session, token)
    except Unauthorized:
        return False
    return True
