"""Fifty pushes to fifty apps at once, and what the server weighs when it is idle again."""

import sys
import tempfile
import time
from pathlib import Path

import psutil

from tests.crowd import push_all
from tests.product import Product, product
from tests.waiting import wait_until

APPS = 50
MEMORY_LIMIT_MB = 150


def main() -> int:
    """Measure, print, and return 1 when something went wrong or weighs too much."""
    apps = int(sys.argv[1]) if len(sys.argv) > 1 else APPS
    with tempfile.TemporaryDirectory() as name, product(Path(name)) as running:
        before = memory_mb(running)
        began = time.monotonic()
        wrong = push_all(running, apps)
        took = time.monotonic() - began
        after = settled_memory_mb(running)
    print(f"{apps} apps in {took:.1f} s; memory before {before:.0f} MB, idle after {after:.0f} MB")
    for line in wrong[:20]:
        print(f"  wrong: {line}")
    measures = (("wrong_pushes", len(wrong), 0), ("idle_memory_mb", round(after), MEMORY_LIMIT_MB))
    for measure, value, limit in measures:
        print(f"{measure} {value} {limit} {'ok' if value <= limit else 'over'}")
    return int(any(value > limit for _, value, limit in measures))


def memory_mb(running: Product) -> float:
    """Return the server's resident memory, in MB."""
    assert running.process is not None
    return float(psutil.Process(running.process.pid).memory_info().rss) / 1_000_000


def settled_memory_mb(running: Product) -> float:
    """Return the memory after the threads of the pushes are gone."""
    assert running.process is not None
    server = psutil.Process(running.process.pid)
    wait_until(lambda: server.num_threads() < 40, "the threads ended")
    return memory_mb(running)


if __name__ == "__main__":
    sys.exit(main())
