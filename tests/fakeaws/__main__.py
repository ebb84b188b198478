"""Starts the simulator, prints where it listens as one line of JSON, and serves until told to end.

It ends at SIGTERM or SIGINT, and with `--tied` also when its standard input ends: so a test run
that is killed leaves no containers behind.
"""

import argparse
import json
import os
import signal
import sys
import threading
from pathlib import Path

import structlog


def main() -> None:
    """Serve."""
    parser = argparse.ArgumentParser(prog="python -m tests.fakeaws", description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="where images are kept")
    parser.add_argument("--port", type=int, default=0, help="of the API; 0 is any")
    parser.add_argument("--alb-port", type=int, default=0, help="of the public load balancer")
    parser.add_argument("--pace", type=float, default=10, help="times faster than AWS's clocks")
    parser.add_argument("--tied", action="store_true", help="end when standard input ends")
    wish = parser.parse_args()
    os.environ.setdefault("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
    os.environ.setdefault("MOTO_ACM_VALIDATION_WAIT", "2")
    end = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: end.set())
    if wish.tied:
        threading.Thread(target=_wait_for_end_of_input, args=(end,), daemon=True).start()
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))

    from tests.fakeaws.server import Server  # reads the environment when imported

    server = Server(wish.folder.resolve(), wish.port, wish.alb_port, wish.pace)
    sys.stdout.write(json.dumps(server.facts()) + "\n")
    sys.stdout.flush()
    end.wait()
    server.close()


def _wait_for_end_of_input(end: threading.Event) -> None:
    sys.stdin.read()
    end.set()


if __name__ == "__main__":
    main()
