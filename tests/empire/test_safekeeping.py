"""Secrets, files and settings: what must not leak, tear or be lost."""

import multiprocessing
import threading
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st

from empire import settings as knobs
from empire.errors import Unavailable
from empire.files import write_once, write_whole
from empire.secrets import Secret, Vault
from empire.settings import Settings
from empire.turns import Turns
from tests.waiting import PATIENCE_SECONDS


@given(st.text(min_size=12))
def test_a_secret_never_shows_itself(value: str) -> None:
    secret = Secret(value)
    assert f"{secret} {secret!r} {[secret]}" == "[redacted] [redacted] [[redacted]]"
    assert secret.reveal() == value
    assert secret == Secret(value)
    assert hash(secret) == hash(Secret(value))
    assert secret != value


def test_a_vault_opens_what_it_sealed_also_with_a_newer_key(tmp_path: Path) -> None:
    file = tmp_path / "master.key"
    sealed = Vault(file).seal(Secret("caf\udce9"))
    assert file.stat().st_mode & 0o777 == 0o600
    file.write_bytes(Fernet.generate_key() + b"\n" + file.read_bytes())
    assert Vault(file).unseal(sealed) == Secret("caf\udce9")


def test_a_vault_without_the_right_key_says_what_to_do(tmp_path: Path) -> None:
    sealed = Vault(tmp_path / "one").seal(Secret("x"))
    with pytest.raises(Unavailable, match="cannot be read"):
        Vault(tmp_path / "two").unseal(sealed)
    for content in (b"", b"no key"):
        (tmp_path / "three").write_bytes(content)
        with pytest.raises(Unavailable, match="cannot be used"):
            Vault(tmp_path / "three")


def test_a_vault_knows_its_own_marks(tmp_path: Path) -> None:
    vault = Vault(tmp_path / "key")
    mark = vault.sign("text")
    assert vault.is_signed("text", mark)
    assert not vault.is_signed("other", mark)
    assert not vault.is_signed("text", "\ud800")


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    file = tmp_path / "folder" / "file"
    write_whole(file, b"one", mode=0o644)
    assert (file.read_bytes(), file.stat().st_mode & 0o777) == (b"one", 0o644)
    with pytest.raises(TypeError):
        write_whole(file, "no bytes")  # type: ignore[arg-type]
    assert file.read_bytes() == b"one"
    assert [path.name for path in file.parent.iterdir()] == ["file"]


def _written(path: Path, content: bytes, barrier: "threading.Barrier") -> bytes:
    def make() -> bytes:
        barrier.wait(PATIENCE_SECONDS)  # all have seen that there is no file yet
        return content

    return write_once(path, make)


def test_all_who_make_a_file_at_once_get_the_same_content(tmp_path: Path) -> None:
    barrier, found = threading.Barrier(4), []

    def write(name: bytes) -> None:
        found.append(_written(tmp_path / "key", name, barrier))

    threads = [threading.Thread(target=write, args=(b"%d" % n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_SECONDS)
    assert len(found) == 4
    assert set(found) == {(tmp_path / "key").read_bytes()}
    assert write_once(tmp_path / "key", lambda: b"late") == found[0]
    assert [path.name for path in tmp_path.iterdir()] == ["key"]


def test_settings_say_where_things_are(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    settings.prepare_home()
    assert settings.home.stat().st_mode & 0o777 == 0o700
    assert settings.database == f"sqlite:///{tmp_path}/home/empire.db"
    assert Settings(home=tmp_path, database_url="x://y").database == "x://y"
    assert (settings.repositories, settings.logs) == (
        settings.home / "repos", settings.home / "logs",
    )  # fmt: skip
    assert settings.instance == Settings(home=settings.home).instance
    assert len(settings.instance) == 8


def test_home_is_the_systems_for_root_and_ones_own_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert knobs.default_home() == Path("/var/lib/empire")
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert knobs.default_home() == Path("~/.local/share/empire").expanduser()


def test_cores_are_counted_where_the_system_does_not_say(monkeypatch: pytest.MonkeyPatch) -> None:
    assert knobs.cores() >= 1
    monkeypatch.delattr("os.sched_getaffinity")
    assert knobs.cores() == multiprocessing.cpu_count()


def test_the_page_of_settings_names_each() -> None:
    for name in Settings.model_fields:
        assert f"`EMPIRE_{name.upper()}`" in knobs.page()


def test_turns_are_one_lock_per_name() -> None:
    turns = Turns()
    with turns.of("a"):
        assert turns.of("a").locked()
        assert not turns.of("b").locked()
