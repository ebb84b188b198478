"""`empire run` and `empire ps:exec` with everything real: terminals, pipes, deaths."""

import fcntl
import hashlib
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.product import Product
from tests.samples import with_dockerfile
from tests.waiting import PATIENCE_SECONDS, wait_until

pytestmark = pytest.mark.docker

APP = "runner"
LARGE_MIB = 100


@pytest.fixture(scope="module")
def runner(empire: Product) -> Product:
    """The product with an app that runs."""
    files = {**with_dockerfile("one"), "Procfile": "web: python3 -u app.py\nmigrate: echo moved\n"}
    empire.push(empire.repository(APP, files))
    empire.empire("config:set", "GREETING=hello", "-a", APP)
    return empire


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "cli.main", *words]


def one_offs(product: Product) -> list[str]:
    """Return the names of the app's containers of one-offs."""
    return [name for name in product.containers(APP) if "-run." in name]


@dataclass
class Terminal:
    """A command on a terminal of its own, and all that it showed so far."""

    process: subprocess.Popen[bytes]
    handle: int
    shown: str = ""

    def type(self, text: str) -> None:
        os.write(self.handle, text.encode())

    def resize(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self.handle, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.process.send_signal(signal.SIGWINCH)

    def wait_for(self, pattern: str) -> str:
        """Return the first match of the pattern in what is shown."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        is_open = True
        while not (found := re.search(pattern, self.shown)):
            assert is_open, f"{pattern!r} was not shown: {self.shown!r}"
            assert time.monotonic() < deadline, f"{pattern!r} was not shown: {self.shown!r}"
            if not select.select([self.handle], [], [], 0.1)[0]:
                continue
            try:
                self.shown += os.read(self.handle, 65536).decode(errors="replace")
            except OSError:  # the other end is closed
                is_open = False
        return found[0]

    def ended(self) -> int:
        """Return the exit code once it ended."""
        return self.process.wait(PATIENCE_SECONDS)


@contextmanager
def terminal(product: Product, *words: str) -> Iterator[Terminal]:
    """Run an empire command on a terminal of 33 rows and 99 columns."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 99, 0, 0))
    process = subprocess.Popen(
        command(*words), env={**product.environment, "TERM": "xterm-256color"},
        stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    try:
        yield Terminal(process, ours)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        os.close(ours)


def test_pipes_carry_bytes_status_and_both_streams(runner: Product) -> None:
    done = subprocess.run(
        command("run", "-a", APP, "cat; echo $GREETING $COLOUR >&2; exit 42"),
        env=runner.environment, input=bytes(range(256)), capture_output=True, check=False,
        timeout=PATIENCE_SECONDS,
    )  # fmt: skip

    assert done.returncode == 42
    assert done.stdout == bytes(range(256))
    assert done.stderr == b"hello\n"
    wait_until(lambda: one_offs(runner) == [], "nothing is left")


def test_a_large_file_comes_back_the_same(runner: Product, tmp_path: Path) -> None:
    source, copy = tmp_path / "source", tmp_path / "copy"
    block = os.urandom(1024 * 1024)
    with source.open("wb") as file:
        for _ in range(LARGE_MIB):
            file.write(block)
    with source.open("rb") as stdin, copy.open("wb") as stdout:
        subprocess.run(
            command("run", "-a", APP, "cat"), env=runner.environment, stdin=stdin, stdout=stdout,
            check=True, timeout=110,
        )  # fmt: skip

    assert digest(copy) == digest(source)


def digest(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def test_several_words_arrive_as_they_are_and_variables_are_set(runner: Product) -> None:
    done = runner.empire(
        "run", "-a", APP, "-e", "COLOUR=dark green", "--size", "2X",
        "python3", "-c", "import os, sys; print(os.environ['COLOUR'], sys.argv)", "a b", "$HOME",
    )  # fmt: skip

    assert done.stdout == "dark green ['-c', 'a b', '$HOME']\n"


def test_an_entry_of_the_procfile_expands(runner: Product) -> None:
    assert runner.empire("run", "-a", APP, "migrate", "now").stdout == "moved now\n"


def test_a_terminal_is_one_with_its_size_and_its_changes(runner: Product) -> None:
    script = 'test -t 0 && test -t 1 && echo tty $TERM; stty size; trap "stty size" WINCH; '
    with terminal(runner, "run", "-a", APP, f"{script} while :; do sleep 0.1; done") as shown:
        shown.wait_for(r"tty xterm-256color\s+33 99")
        shown.resize(44, 111)
        shown.wait_for("44 111")


def test_ctrl_c_goes_to_the_command_and_the_terminal_is_as_it_was(runner: Product) -> None:
    with terminal(runner, "run", "-a", APP, "echo ready; exec sleep 60") as shown:
        before = termios.tcgetattr(shown.handle)
        shown.wait_for("ready")
        assert termios.tcgetattr(shown.handle) != before
        shown.type("\x03")

        assert shown.ended() == 130
        assert termios.tcgetattr(shown.handle) == before
    wait_until(lambda: one_offs(runner) == [], "nothing is left")


def test_a_shell_can_be_talked_to(runner: Product) -> None:
    with terminal(runner, "run", "-a", APP, "sh") as shown:
        shown.wait_for(r"[#$] ")
        shown.type("echo sum $((40 + 2))\n")
        shown.wait_for("sum 42")
        shown.type("exit 7\n")

        assert shown.ended() == 7


def test_ctrl_c_without_a_terminal_ends_the_command_too(runner: Product) -> None:
    running = subprocess.Popen(
        command("run", "-a", APP, "echo ready; sleep 60"), env=runner.environment,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert running.stdout
    assert running.stdout.readline() == b"ready\n"
    running.send_signal(signal.SIGINT)

    assert running.wait(PATIENCE_SECONDS) == 130
    running.stdout.close()
    wait_until(lambda: one_offs(runner) == [], "nothing is left")


def test_a_detached_one_is_listed_stopped_and_goes_when_it_ends(runner: Product) -> None:
    name = runner.empire("run", "-d", "-a", APP, "sleep 60").stdout.strip()
    short = runner.empire("run:detached", "-a", APP, "echo over").stdout.strip()

    assert re.fullmatch(r"run\.\d{4}", name)
    assert name in runner.empire("ps", "-a", APP).stdout
    wait_until(lambda: not any(short in found for found in one_offs(runner)), "the short one goes")
    written = runner.empire("logs", "-a", APP, "-d", short).stdout
    assert f"app[{short}]: over\n" in written
    assert "State changed from up to complete" in written
    assert len(one_offs(runner)) == 1
    runner.empire("ps:stop", name, "-a", APP)
    assert one_offs(runner) == []


def test_a_command_runs_inside_a_dyno(runner: Product) -> None:
    done = runner.empire("ps:exec", "-a", APP, "web.1", "echo $EMPIRE_DYNO; exit 3", check=False)

    assert (done.stdout, done.returncode) == ("web.1\n", 3)
    with terminal(runner, "ps:exec", "-a", APP, "web.1") as shown:
        shown.wait_for(r"[#$] ")
        shown.type("stty size; exit 4\n")
        shown.wait_for("33 99")
        assert shown.ended() == 4


def test_who_leaves_a_dyno_takes_the_command_along(runner: Product) -> None:
    with terminal(runner, "ps:exec", "-a", APP, "web.1", "echo ready; exec sleep 4321") as shown:
        shown.wait_for("ready")
        assert "4321" in processes(runner)
    wait_until(lambda: "4321" not in processes(runner), "the command is gone")


def processes(product: Product) -> str:
    """Return the command lines of all processes in the dyno."""
    return product.empire(
        "ps:exec", "-a", APP, "web.1", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '"
    ).stdout


def test_mistakes_are_told(runner: Product) -> None:
    absent = runner.empire("ps:exec", "-a", APP, "web.9", "true", check=False)
    missing = runner.empire("run", "-a", APP, "no-such-program", check=False)
    nothing = runner.empire("run", "-a", APP, check=False)
    size = runner.empire("run", "-a", APP, "--size", "9Y", "true", check=False)

    assert (absent.returncode, missing.returncode, nothing.returncode) == (1, 127, 1)
    assert "There is no dyno 'web.9' that runs." in absent.stderr
    assert "There is no command." in nothing.stderr
    assert "'9Y' is not a dyno size." in size.stderr
    assert one_offs(runner) == []


def test_after_a_dead_server_nothing_attached_is_left_and_detached_ones_go_on(
    runner: Product,
) -> None:
    name = runner.empire("run", "-d", "-a", APP, "sleep 60").stdout.strip()
    with terminal(runner, "run", "-a", APP, "echo ready; sleep 60") as shown:
        shown.wait_for("ready")
        inside = subprocess.Popen(
            command("ps:exec", "-a", APP, "web.1", "exec sleep 4322"), env=runner.environment,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        wait_until(lambda: "4322" in processes(runner), "a visit is there")
        runner.kill()

        assert shown.ended() == 1
        shown.wait_for("The connection to run")
        assert inside.wait(PATIENCE_SECONDS) == 1
    runner.start()

    assert [found.endswith(name) for found in one_offs(runner)] == [True]
    assert "4322" not in processes(runner)
    runner.empire("apps:destroy", "-a", APP, "--confirm", APP)
    assert runner.containers(APP) == []
