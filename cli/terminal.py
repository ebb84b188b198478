"""The person's terminal: its keys as they are pressed, its size, and its old self at the end."""

import os
import signal
import sys
import termios
import threading
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def raw() -> Iterator[None]:
    """Let every key pass through, Ctrl-C too; put everything back at the end, also when killed."""
    before = termios.tcgetattr(sys.stdin)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    tty.setraw(sys.stdin)
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


def size() -> tuple[int, int]:
    """Return rows and columns."""
    try:
        found = os.get_terminal_size(sys.stdin.fileno())
    except OSError:
        return 24, 80
    return found.lines or 24, found.columns or 80


def resizes() -> threading.Event:
    """Return an event that is set now and whenever the size changes."""
    changed = threading.Event()
    changed.set()
    signal.signal(signal.SIGWINCH, lambda *_: changed.set())
    return changed


def _leave(number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + number)
