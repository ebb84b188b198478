"""Kill -9 of the server at 100 random moments of deploys, each followed by a restart.

    python -m benchmarks.kills [COUNT] [SEED]

Measured: requests that failed meanwhile, and how long the whole took. An orphan, a deployment
without an end or a push that does not work afterwards ends the run with an error.
"""

import sys
import tempfile
import time
from pathlib import Path

from tests.crash import crash_deploys
from tests.product import product


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else int(time.time())
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, product(Path(folder)) as running:
        watcher = crash_deploys(running, count, seed)
    took = time.monotonic() - began
    print(f"{count} kills with seed {seed} in {took:.0f} s, {watcher.answers} answers meanwhile")
    for failure in watcher.failures[:20]:
        print(f"  failed: {failure}")
    verdict = "over" if watcher.failures else "ok"
    print(f"failed_requests {len(watcher.failures)} 0 {verdict}")
    sys.exit(verdict == "over")


if __name__ == "__main__":
    main()
