"""What runs around a command, in real shells on a real terminal."""

import os
import pty
import shlex
import shutil
import threading
from dataclasses import dataclass, field

import pytest

from deployer.aws import scripts
from deployer.aws.scripts import GO, READY, Piped, Terminal
from empire.secrets import Secret

MARK = "empire-0123"
SHELLS = [
    "sh",
    pytest.param("bash", marks=pytest.mark.skipif(not shutil.which("bash"), reason="-")),
]


@dataclass
class Played:
    """What a command wrote, by stream, and its status."""

    status: int | None = None
    output: dict[int, bytes] = field(default_factory=lambda: {1: b"", 2: b""})


def play(
    command: str,
    given: bytes | None = None,
    has_terminal: bool = False,
    shell: str = "sh",
    when: bytes = b"",
) -> Played:
    """Run the command as it runs in a task; nothing `given` leaves its input open.

    It is given when the first output holds `when`.
    """
    path = shutil.which(shell) or shell
    env = {"COLOUR": Secret("it's green")}
    pid, terminal = pty.fork()
    if pid == 0:
        words = shlex.split(scripts.boot(MARK).replace("/bin/sh", path))
        os.execv(words[0], words)
    heard = _until(terminal, READY, b"")
    _write(terminal, scripts.script(MARK, command, env, has_terminal))
    heard = _until(terminal, GO, heard)
    while when not in heard:
        heard += _read(terminal)
    threading.Thread(target=_give, args=(terminal, given, has_terminal), daemon=True).start()
    reader = Terminal(MARK.encode()) if has_terminal else Piped()
    played = Played()
    while True:
        for stream, content in reader.take(heard):
            played.output[stream] += content
        if reader.status is not None or not (heard := _read(terminal)):
            break
    os.close(terminal)
    os.waitpid(pid, 0)
    played.status = reader.status
    return played


def _until(terminal: int, word: bytes, heard: bytes) -> bytes:
    while (rest := scripts.after(MARK.encode(), word, heard)) is None:
        more = _read(terminal)
        assert more, heard
        heard += more
    return rest


def _give(terminal: int, given: bytes | None, has_terminal: bool) -> None:
    if given is not None and has_terminal:
        _write(terminal, given)
    elif given is not None:
        for part in [*scripts.fed(given), *scripts.fed(b"")]:
            _write(terminal, part)


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # the other side is closed
        return b""


def _write(terminal: int, content: bytes) -> None:
    while content:
        content = content[os.write(terminal, content) :]


@pytest.mark.parametrize("shell", SHELLS)
def test_streams_stay_apart_and_the_status_comes_last(shell: str) -> None:
    played = play("echo out; echo err >&2; exit 3", shell=shell)

    assert played == Played(3, {1: b"out\n", 2: b"err\n"})


@pytest.mark.parametrize("shell", SHELLS)
def test_all_bytes_pass_and_so_does_the_end_of_input(shell: str) -> None:
    content = bytes(range(256)) * 300

    assert play("cat; exit 42", content, shell=shell) == Played(42, {1: content, 2: b""})


def test_the_environment_comes_with_the_command() -> None:
    assert play('echo "$COLOUR"').output[1] == b"it's green\n"


def test_a_terminal_is_a_terminal() -> None:
    played = play("tty; read word; echo got $word; exit 7", b"hello\n", has_terminal=True)

    assert played.status == 7
    assert b"/dev/" in played.output[1]
    assert played.output[1].endswith(b"got hello\r\n")


def test_an_interrupt_ends_the_command_and_not_the_session() -> None:
    played = play("echo ready; exec sleep 60", b"\x03", has_terminal=True, when=b"ready")

    assert played.status == 130


def test_a_mark_is_found_however_it_comes() -> None:
    whole = b"some emp text empire-0123=17;"
    for size in (1, 2, 5, 100):
        reader = Terminal(MARK.encode())
        found = b"".join(
            text
            for at in range(0, len(whole), size)
            for _, text in reader.take(whole[at : at + size])
        )
        assert (found, reader.status) == (b"some emp text ", 17)


def test_broken_parts_are_no_output() -> None:
    reader = Piped()

    assert reader.take(b"1aGk=.?.1a.xno.") == [(1, b"hi"), (1, b"")]
    assert reader.status == 1
