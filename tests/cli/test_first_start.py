"""What the first start leaves for the person who starts the server."""

from netrc import netrc
from pathlib import Path

import pytest

from cli import netrc as tokens_file
from cli.first_start import welcome
from empire import keys, tokens, users
from empire.settings import Settings
from empire.store import Store

MACHINE = "127.0.0.1:5000"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a person's home folder, where git finds its configuration too."""
    folder = tmp_path / "person"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    return folder


def greeted(store: Store, home: Path) -> str:
    return "\n".join(welcome(store.settings, store, home))


def owner_keys(store: Store) -> list[str]:
    with store.reading() as session:
        owner, _ = users.first(session, "x", "x@example.com")
        return [key.comment for key in keys.of(session, owner.id)]


def test_the_owner_is_who_git_says_and_gets_a_key_and_a_token(store: Store, home: Path) -> None:
    (home / ".gitconfig").write_text("[user]\n\tname = Ann\n\temail = ann@example.com\n")

    said = greeted(store, home)

    assert "Made Ann <ann@example.com> the owner" in said
    assert (home / ".ssh" / "id_ed25519").stat().st_mode & 0o777 == 0o600
    assert owner_keys(store) == ["ann@example.com"]
    assert (home / ".netrc").stat().st_mode & 0o777 == 0o600
    entry = netrc(str(home / ".netrc")).authenticators(MACHINE)
    assert entry
    with store.reading() as session:
        assert tokens.identify(session, entry[2]).email == "ann@example.com"


def test_without_a_git_configuration_the_login_name_serves(store: Store, home: Path) -> None:
    assert "the owner of this server" in greeted(store, home)


def test_the_keys_that_are_there_are_taken_and_others_left_out(store: Store, home: Path) -> None:
    greeted(store, home)
    public = (home / ".ssh" / "id_ed25519.pub").read_text()
    other = Store(Settings(home=home / "other"))
    other.migrate()
    (home / ".ssh" / "broken.pub").write_text("not a key")

    said = greeted(other, home)

    assert "Left out" in said
    assert "broken.pub" in said
    assert owner_keys(other) == [public.split()[2]]
    other.close()


def test_a_second_start_changes_nothing(store: Store, home: Path) -> None:
    greeted(store, home)
    before = (home / ".netrc").read_text()

    assert greeted(store, home) == ""
    assert (home / ".netrc").read_text() == before


def test_a_token_that_is_not_valid_any_more_is_replaced_and_others_stay(
    store: Store, home: Path
) -> None:
    (home / ".netrc").write_text(
        f"machine example.com login ann password secret\nmachine {MACHINE} login x password old"
    )

    assert "Left a token" in greeted(store, home)

    assert tokens_file.token_of(home / ".netrc", "example.com") == "secret"
    assert tokens_file.token_of(home / ".netrc", MACHINE) not in (None, "old")


def test_a_file_without_a_last_newline_is_kept_whole(tmp_path: Path) -> None:
    path = tmp_path / "netrc"
    path.write_text("machine example.com login ann password secret")

    tokens_file.put(path, MACHINE, "ann@example.com", "new")

    assert tokens_file.token_of(path, "example.com") == "secret"
    assert tokens_file.token_of(path, MACHINE) == "new"


def test_a_file_that_nobody_understands_holds_no_token(tmp_path: Path) -> None:
    path = tmp_path / "netrc"
    path.write_text("what is this")

    assert tokens_file.token_of(path, MACHINE) is None
