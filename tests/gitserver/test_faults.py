"""What goes wrong on the server's side: the person gets a reason or a reference."""

from pathlib import Path

import pytest

from gitserver import commands, pack
from tests.gitserver.world import Person, World
from tests.waiting import wait_until


@pytest.mark.parametrize(
    ("complaint", "what"),
    [
        (b"fatal: write error: No space left on device\n", "The server's disk is full."),
        (b"error: pack exceeds maximum allowed size\nfatal: x\n", "The push is larger than 7 MiB."),
        (b"fatal: early EOF\n", "The push was cut off before it was complete."),
        (b"fatal: pack has bad object\n", "The push holds a broken object."),
    ],
)
def test_gits_complaints_are_explained(complaint: bytes, what: str) -> None:
    assert pack.explained(complaint, 7).what == what


def test_a_store_that_is_away_lets_nobody_in(world: World, ann: Person) -> None:
    world.worker.stop()
    with world.store.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE keys RENAME TO keys_away")
    assert "Permission denied" in world.ssh(ann, "git@127.0.0.1").err


def test_a_fault_before_the_conversation_gets_a_reference(
    world: World, ann: Person, work: Path
) -> None:
    world.worker.stop()
    with world.store.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE apps RENAME TO apps_away")
    done = world.git(ann, work, "push", "empire", "main")
    assert done.code == 128
    assert "Something went wrong inside Empire (reference " in done.err


def test_index_pack_that_is_killed_is_told(
    world: World, ann: Person, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pack, "command", lambda place, *words: ["sh", "-c", "kill -9 $$"])
    done = world.git(ann, work, "push", "empire", "main")
    assert "The check of the push was ended by signal 9." in done.err
    wait_until(lambda: world.quarantines() == [])


def test_commands_are_parsed_and_never_run() -> None:
    command = commands.parse("git-upload-pack '/hello.git'")
    assert (command.service, command.app) == (commands.UPLOAD, "hello")
