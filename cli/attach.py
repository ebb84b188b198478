"""The other end of a command that runs on the server: this process's streams, or its terminal."""

import os
import struct
import threading
from collections.abc import Iterator
from contextlib import nullcontext

from cli import errors, terminal
from cli.client import Client
from empire.errors import EmpireError, Unavailable

QUIET, STDOUT, STDERR, EXIT, STARTED = range(5)
HEAD = struct.Struct(">BL")
LARGEST_READ = 256 * 1024
BROKEN_PIPE_STATUS = 141


def converse(client: Client, url: str, name: str, has_terminal: bool) -> int:
    """Bring the command's output here and what is typed there; return its exit status."""
    has_begun = False
    try:
        with (
            client.chunks(url) as chunks,
            terminal.raw() if has_terminal else nullcontext(),
        ):
            for channel, content in frames(chunks):
                if channel == STARTED:
                    has_begun = True
                    _begin(client, url, has_terminal)
                elif channel == EXIT:
                    return int(content)
                elif channel in (STDOUT, STDERR) and not _written(channel, content):
                    return BROKEN_PIPE_STATUS
    except Unavailable:
        if not has_begun:
            raise
    raise errors.cut_off(name)


def frames(chunks: Iterator[bytes]) -> Iterator[tuple[int, bytes]]:
    """Yield channel and content of each frame."""
    held = bytearray()
    for chunk in chunks:
        held += chunk
        begin = 0
        while len(held) - begin >= HEAD.size:
            channel, length = HEAD.unpack_from(held, begin)
            end = begin + HEAD.size + length
            if end > len(held):
                break
            yield channel, bytes(held[begin + HEAD.size : end])
            begin = end
        del held[:begin]


def _begin(client: Client, url: str, has_terminal: bool) -> None:
    threads = [threading.Thread(target=_send_input, args=(client, url), daemon=True)]
    if has_terminal:
        changed = terminal.resizes()
        threads.append(
            threading.Thread(target=_send_sizes, args=(client, url, changed), daemon=True)
        )
    for thread in reversed(threads):
        thread.start()


def _send_input(client: Client, url: str) -> None:
    try:
        client.upload(f"{url}/input", _typed())
    except EmpireError:
        return  # the command ended, or its output tells what is wrong


def _typed() -> Iterator[bytes]:
    while content := _read():
        yield content


def _read() -> bytes:
    try:
        return os.read(0, LARGEST_READ)
    except OSError:  # there is no standard input
        return b""


def _send_sizes(client: Client, url: str, changed: threading.Event) -> None:
    while True:
        changed.wait()
        changed.clear()
        rows, columns = terminal.size()
        try:
            client.post_nothing(f"{url}/size", {"rows": rows, "columns": columns})
        except EmpireError:
            return


def _written(channel: int, content: bytes) -> bool:
    """Write it all; False when nobody reads it any more."""
    left = memoryview(content)
    try:
        while left:
            left = left[os.write(channel, left) :]
    except BrokenPipeError:
        return False
    return True
