"""What AWS is asked for each thing that people do, on the simulated account.

    python -m benchmarks.aws_calls

Prints NAME VALUE LIMIT ok|over a line, and exits 1 when something is over.
"""

import sys
import tempfile
from contextlib import closing
from pathlib import Path

import docker

from tests.aws_calls import measured
from tests.conftest import obedient_image
from tests.fakeaws.simulator import Simulator


def main() -> int:
    """Measure, print, and return 1 when something is over its limit."""
    with (
        tempfile.TemporaryDirectory() as name,
        closing(docker.APIClient(version="auto", timeout=60)) as engine,
        Simulator(Path(name) / "aws") as simulator,
        obedient_image(engine, Path(name)) as image,
    ):
        counts = measured(simulator, engine, image, Path(name) / "home")
    width = max(len(count.name) for count in counts)
    for count in counts:
        verdict = "over" if count.is_over else "ok"
        print(f"{count.name:{width}} {count.value:6.0f} {count.limit:6} {verdict}")
    return int(any(count.is_over for count in counts))


if __name__ == "__main__":
    sys.exit(main())
