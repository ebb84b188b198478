"""The streams of a process of this machine, as a port gives them."""

import queue
import subprocess
import threading
from contextlib import suppress
from typing import IO

from empire.secrets import Secret
from tests.waiting import PATIENCE_SECONDS

LARGEST_READ = 65536


class FakeDuplex:
    """The streams of a local process."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._chunks: queue.Queue[tuple[int, bytes]] = queue.Queue(16)
        self._open = 2
        self.sizes: list[tuple[int, int]] = []
        for number, stream in ((1, process.stdout), (2, process.stderr)):
            threading.Thread(target=self._pump, args=(number, stream), daemon=True).start()

    def read(self) -> tuple[int, bytes] | None:
        while self._open:
            number, content = self._chunks.get()
            if content:
                return number, content
            self._open -= 1
        return None

    def write(self, content: bytes) -> None:
        assert self._process.stdin
        self._process.stdin.write(content)
        self._process.stdin.flush()

    def end_input(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()

    def resize(self, rows: int, columns: int) -> None:
        self.sizes.append((rows, columns))

    def wait(self) -> int:
        self._process.wait(PATIENCE_SECONDS)
        return status_of(self._process)

    def close(self) -> None:
        end(self._process)

    def _pump(self, number: int, stream: IO[bytes] | None) -> None:
        assert stream
        while content := stream.read1(LARGEST_READ):  # type: ignore[attr-defined]
            self._chunks.put((number, content))
        stream.close()
        self._chunks.put((number, b""))


def shell(command: str, env: dict[str, Secret], is_attached: bool) -> subprocess.Popen[bytes]:
    """Return a shell that runs the command; of one that nobody is attached to stdout has all."""
    pipe = subprocess.PIPE
    return subprocess.Popen(
        ["/bin/sh", "-c", command],
        env={"PATH": "/usr/bin:/bin", **{name: value.reveal() for name, value in env.items()}},
        stdin=pipe if is_attached else subprocess.DEVNULL,
        stdout=pipe,
        stderr=pipe if is_attached else subprocess.STDOUT,
    )


def end(process: subprocess.Popen[bytes]) -> None:
    """Kill the process if it runs, and close its input."""
    if process.poll() is None:
        process.kill()
        process.wait(PATIENCE_SECONDS)
    if process.stdin:
        with suppress(OSError):
            process.stdin.close()


def status_of(process: subprocess.Popen[bytes]) -> int:
    """Return the exit status of an ended process as a shell gives it."""
    code = process.returncode
    return code if code >= 0 else 128 - code
